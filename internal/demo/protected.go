package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bulwark/client"
	"bulwark/e2e/esprim"
	"bulwark/e2e/keys"
	"bulwark/internal/process"
	"bulwark/onem2m"
)

// Who shares keys in the story, and what must be read nowhere on the way.
const (
	panelID   = onem2m.ID("//m2m.example/id-south/Cpanel")
	lampID    = onem2m.ID("//m2m.example/id-north/Clamp")
	northID   = onem2m.ID("//m2m.example/id-north")
	gatewayID = "gateway.key@m2m.example" // of the panel and the northern gateway
	lampKeyID = "lamp.key@m2m.example"    // of the panel and the lamp
	secret    = "open-sesame-4711"
)

// pairwiseKey is a key of the story.
func pairwiseKey(id string, peer onem2m.ID) (esprim.Key, error) {
	s, err := keys.NewSecret([]byte(strings.Repeat(id, 2)[:32]))
	return esprim.Key{ID: id, Secret: s, Peer: peer}, err
}

// endToEnd are the settings of the northern gateway for requests of the panel.
func (s *story) endToEnd(g *gateway) (string, error) {
	if g != s.north {
		return "", nil
	}
	key, err := pairwiseKey(gatewayID, panelID)
	if err != nil {
		return "", err
	}
	file := filepath.Join(s.dir, "gateway.key")
	text := base64.RawURLEncoding.EncodeToString(key.Secret.Bytes()) + "\n"
	return fmt.Sprintf("[[esprim.key]]\nid = %q\npeer = %q\nkey-file = %q\n", gatewayID, panelID, file), os.WriteFile(file, []byte(text), 0o600)
}

// lampKeys are the keys that the lamp has.
type lampKeys struct{}

func (lampKeys) ESPrimKey(_ context.Context, id string) (esprim.Key, error) {
	if id != lampKeyID {
		return esprim.Key{}, errors.New("unknown")
	}
	return pairwiseKey(lampKeyID, panelID)
}

// protected: the panel asks what is in the north, and the CSEs on the way
// neither read nor change it.
func (s *story) protected(ctx context.Context) bool {
	s.chapter("8  What the CSEs on the way can neither read nor change")
	safe := s.north.base() + "/lamp/safe"
	var gateway *client.Client
	return s.step("The lamp makes a container for the panel alone, if it is proven to be the panel", "created, with a rule that asks for authentication", func() (string, error) {
		return "created", s.safe(ctx)
	}) && s.step("The panel stores something there as it stored “on”: south → in → north", "refused: over two CSEs nothing proves who asks", func() (string, error) {
		_, err := s.south.ae.Create(ctx, safe, onem2m.TypeContentInstance, onem2m.Object{{Name: "con", Value: onem2m.TextValue("anything")}})
		return refused(err, onem2m.OriginatorHasNoPrivilege)
	}) && s.step("It stores a secret, protected with the key that the panel and the northern gateway share", "created: the key proves it", func() (string, error) {
		key, err := pairwiseKey(gatewayID, northID)
		if err != nil {
			return "", err
		}
		if gateway, err = s.south.ae.ESPrim(client.Target{To: s.north.id() + "/-", Self: panelID, Key: key}); err != nil {
			return "", err
		}
		if _, err := gateway.Create(ctx, safe, onem2m.TypeContentInstance, onem2m.Object{{Name: "con", Value: onem2m.TextValue(secret)}}); err != nil {
			return "", err
		}
		return latest(ctx, gateway, safe, secret)
	}) && s.step("The panel asks the lamp itself, an application behind the gateway", "the lamp answers, and knows who has asked", func() (string, error) {
		return s.askLamp(ctx)
	}) && s.step("Databases, audit trails and logs of the IN-CSE and the southern gateway are searched for the secret", "it is nowhere", func() (string, error) {
		for _, p := range []*process.Process{s.process, s.south.process} {
			if strings.Contains(p.Log(), secret) {
				return "", errors.New("it is in a log")
			}
		}
		n, err := search(s.data(), filepath.Join(s.dir, s.south.name+"-data"))
		return fmt.Sprintf("not in %d files", n), err
	}) && s.hostile(ctx, safe)
}

// safe makes a container with a flagged rule.
func (s *story) safe(ctx context.Context) error {
	const rules = `{"acr":[{"acor":["/id-south/Cpanel"],"acop":3,"acaf":true},{"acor":["Clamp"],"acop":63}]}`
	if _, err := s.north.ae.Create(ctx, "cse-north/lamp", onem2m.TypeAccessControlPolicy, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("proven")},
		{Name: "pv", Value: []byte(rules)},
		{Name: "pvs", Value: []byte(`{"acr":[{"acor":["Clamp"],"acop":63}]}`)},
	}); err != nil {
		return err
	}
	_, err := s.north.ae.Create(ctx, "cse-north/lamp", onem2m.TypeContainer, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("safe")},
		{Name: "acpi", Value: onem2m.TextsValue([]string{"cse-north/lamp/proven"})},
	})
	return err
}

// askLamp lets the lamp take protected requests, and sends it one.
func (s *story) askLamp(ctx context.Context) (_ string, err error) {
	receiver, err := client.NewReceiver(lampID, lampKeys{})
	if err != nil {
		return "", err
	}
	asked := make(chan onem2m.ID, 1)
	listener, err := client.ListenFor(ctx, "127.0.0.1:0", client.Handlers{
		Receiver: receiver,
		Request: func(_ context.Context, from onem2m.ID, _ *onem2m.Request) *onem2m.Response {
			asked <- from
			return &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:cin", Value: onem2m.Object{{Name: "con", Value: onem2m.TextValue(secret)}}.Append(nil)}}
		},
	})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, listener.Close()) }()
	if _, err := s.north.ae.Create(ctx, "cse-north/lamp", onem2m.TypeAccessControlPolicy, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("askers")},
		{Name: "pv", Value: []byte(`{"acr":[{"acor":["/id-south/Cpanel"],"acop":16},{"acor":["Clamp"],"acop":63}]}`)},
		{Name: "pvs", Value: []byte(`{"acr":[{"acor":["Clamp"],"acop":63}]}`)},
	}); err != nil {
		return "", err
	}
	if _, err := s.north.ae.Update(ctx, "cse-north/lamp", "m2m:ae", onem2m.Object{
		{Name: "poa", Value: onem2m.TextsValue([]string{listener.URL})}, {Name: "rr", Value: onem2m.BoolValue(true)},
	}); err != nil {
		return "", err
	}
	if _, err := s.north.ae.Update(ctx, "cse-north/lamp", "m2m:ae", onem2m.Object{
		{Name: "acpi", Value: onem2m.TextsValue([]string{"cse-north/lamp/askers"})},
	}); err != nil {
		return "", err
	}
	key, err := pairwiseKey(lampKeyID, lampID)
	if err != nil {
		return "", err
	}
	lamp, err := s.south.ae.ESPrim(client.Target{To: "/id-north/Clamp", Self: panelID, Key: key})
	if err != nil {
		return "", err
	}
	if _, err := lamp.Retrieve(ctx, "/id-north/Clamp/state"); err != nil {
		return "", err
	}
	if from := <-asked; from != panelID {
		return "", fmt.Errorf("the lamp was asked by %s", from)
	}
	return "asked by " + string(panelID), nil
}

// search looks for the secret in all files of some folders.
func search(folders ...string) (files int, err error) {
	for _, folder := range folders {
		tree := os.DirFS(folder)
		err = errors.Join(err, fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(tree, path)
			if err == nil && bytes.Contains(data, []byte(secret)) {
				err = fmt.Errorf("it is in %s", path)
			}
			files++
			return err
		}))
	}
	return files, err
}

// hostile: what a CSE on the way can do with a protected request.
func (s *story) hostile(ctx context.Context, safe string) bool {
	var object string
	send := func(object string) (*onem2m.Response, error) {
		return s.south.ae.Do(ctx, &onem2m.Request{Operation: onem2m.Notify, To: s.north.id() + "/-", Content: onem2m.NewESPrimInfo(object).Content()})
	}
	return s.step("A CSE on the way changes one letter of a protected request", "the northern gateway notices, and carries nothing out", func() (string, error) {
		var err error
		if object, err = s.seal(ctx, safe); err != nil {
			return "", err
		}
		letter := byte('A')
		if object[len(object)-2] == letter {
			letter = 'B'
		}
		res, err := send(object[:len(object)-2] + string(letter) + object[len(object)-1:])
		if err != nil {
			return "", err
		}
		return refused(client.Failure(res), onem2m.ESPrimBadMAC)
	}) && s.step("It delivers the request, and then once more", "the second is refused: it has been seen", func() (string, error) {
		res, err := send(object)
		if err == nil {
			err = client.Failure(res)
		}
		if err != nil {
			return "", err
		}
		if res, err = send(object); err != nil {
			return "", err
		}
		return refused(client.Failure(res), onem2m.ESPrimDecryptionError)
	})
}

// seal makes a protected request as the SDK does, to have it in hand.
func (s *story) seal(ctx context.Context, safe string) (string, error) {
	key, err := pairwiseKey(gatewayID, northID)
	if err != nil {
		return "", err
	}
	g, err := esprim.NewOriginator(esprim.OriginatorOptions{Key: key})
	if err != nil {
		return "", err
	}
	res, err := s.south.ae.Do(ctx, &onem2m.Request{Operation: onem2m.Notify, To: s.north.id() + "/-", Content: onem2m.SecurityInfo{SIT: onem2m.SecurityRandRequest}.Content()})
	if err != nil {
		return "", err
	}
	info, err := onem2m.SecurityInfoOf(res.Content)
	if err != nil {
		return "", err
	}
	if err := g.Learn(info.RandObject); err != nil {
		return "", err
	}
	object, _, err := g.Seal(&onem2m.Request{Operation: onem2m.Retrieve, To: safe + "/la", From: panelID.SPRelative(), HasFrom: true, RequestID: "once", Release: "3"})
	return object, err
}
