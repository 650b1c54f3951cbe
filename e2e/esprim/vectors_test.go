package esprim

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"bulwark/e2e/keys"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// vector is one entry of testdata/vectors.json.
type vector struct {
	ID     string         `json:"id"`
	Type   string         `json:"type"`
	Input  jsontext.Value `json:"input"`
	Output jsontext.Value `json:"output"`
}

func vectors(t *testing.T, kind string) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all, list []vector
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Type == kind {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		t.Fatalf("no vector of type %s", kind)
	}
	return list
}

func read(t *testing.T, v jsontext.Value, into any) {
	t.Helper()
	if err := json.Unmarshal(v, into); err != nil {
		t.Fatal(err)
	}
}

func secretOf(t testing.TB, digits string) keys.Secret {
	t.Helper()
	octets, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.NewSecret(octets)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func instant(t *testing.T, s string) onem2m.Timestamp {
	t.Helper()
	at, err := onem2m.ParseTimestamp(s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func receiverRandOf(t *testing.T, v jsontext.Value) ReceiverRand {
	t.Helper()
	if err := v.Compact(); err != nil {
		t.Fatal(err)
	}
	r, err := ParseReceiverRand(v)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func originatorRandOf(t *testing.T, v jsontext.Value) originatorRand {
	t.Helper()
	if err := v.Compact(); err != nil {
		t.Fatal(err)
	}
	o, err := parseOriginatorRand(v)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// ring is a fixed set of keys.
type ring map[string]Key

func (r ring) ESPrimKey(_ context.Context, id string) (Key, error) {
	k, ok := r[id]
	if !ok {
		return Key{}, errors.New("unknown")
	}
	return k, nil
}

func TestVectors_E49_E50_E51_E57_E58_Objects(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "esprim-object") {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			var in struct {
				Key    string         `json:"pairwiseESPrimKey_hex"`
				RRO    jsontext.Value `json:"receiverESPrimRandObject"`
				ORO    jsontext.Value `json:"originatorESPrimRandObject"`
				Header string         `json:"protectedHeader"`
				IV     string         `json:"iv_hex"`
				Plain  string         `json:"plaintext"`
			}
			var out struct {
				Session string `json:"sessionESPrimKey_hex"`
				Object  string `json:"esprimObject"`
			}
			read(t, v.Input, &in)
			read(t, v.Output, &out)
			secret, err := keys.Session(secretOf(t, in.Key), receiverRandOf(t, in.RRO).ReceiverRand, originatorRandOf(t, in.ORO).OriginatorRand)
			if err != nil || !secret.Equal(secretOf(t, out.Session)) {
				t.Fatalf("the session key is another: %v", err)
			}
			o, err := parseObject(out.Object, nil)
			if err != nil {
				t.Fatal(err)
			}
			aead, err := newAEAD(secret, protection(o.enc))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := o.open(aead)
			if err != nil || string(plain) != in.Plain {
				t.Errorf("opened: %s, %v", plain, err)
			}
			iv, err := hex.DecodeString(in.IV)
			if err != nil {
				t.Fatal(err)
			}
			got, err := seal(bytes.NewReader(iv), aead, &o.header, []byte(in.Plain))
			if err != nil || got != out.Object {
				t.Errorf("sealed %s, %v\nwant %s", got, err, out.Object)
			}
			if head, err := o.header.append(nil); err != nil || string(head) != in.Header {
				t.Errorf("the header is written as %s", head)
			}
		})
	}
}

// receiveState is what a receiver knows in a vector.
type receiveState struct {
	Now  string `json:"now"`
	SP   string `json:"spId"`
	Self string `json:"self"`
	Keys []struct {
		Kid      string    `json:"kid"`
		Key      string    `json:"key_hex"`
		Identity onem2m.ID `json:"identity"`
		Lifetime string    `json:"lifetime"`
	} `json:"pairwiseKeys"`
	RROs []jsontext.Value `json:"receiverRandObjects"`
	OROs []struct {
		Kid    string         `json:"kid"`
		Object jsontext.Value `json:"object"`
	} `json:"originatorRandObjects"`
}

// receiver makes the receiver of a vector.
func (s *receiveState) receiver(t *testing.T) *Receiver {
	t.Helper()
	now := instant(t, s.Now)
	kept := ring{}
	for _, k := range s.Keys {
		key := Key{ID: k.Kid, Secret: secretOf(t, k.Key), Peer: k.Identity}
		if k.Lifetime != "" {
			key.Expires = instant(t, k.Lifetime)
		}
		kept[k.Kid] = key
	}
	r, err := NewReceiver(ReceiverOptions{
		Home: onem2m.Home{SP: s.SP, CSE: s.Self[len(s.SP):]}, Registers: true, Keys: kept,
		Protections: []int64{12, 11, 10}, Now: now.Time,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s.RROs {
		rand := receiverRandOf(t, v)
		r.offers[rand.ID] = &offer{rand: rand, shared: rand.ID[0] == 'S', sessions: map[pair]*session{}}
	}
	for _, o := range s.OROs {
		rand := originatorRandOf(t, o.Object)
		if r.peers[o.Kid] == nil {
			r.peers[o.Kid] = &peer{objects: map[string]originatorRand{}}
		}
		r.peers[o.Kid].objects[rand.ID] = rand
	}
	r.purged = now // what has expired is still there
	return r
}

// known lists the originator objects that a receiver has.
func known(r *Receiver) map[string]bool {
	list := map[string]bool{}
	for _, p := range r.peers {
		for id := range p.objects {
			list[id] = true
		}
	}
	return list
}

func TestVectors_E61_E64_E65_E67_E77_E90_E92_Receive(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "esprim-receive") {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			var in struct {
				Title   string       `json:"title"`
				State   receiveState `json:"state"`
				Objects []string     `json:"esprimObjects"`
			}
			var out struct {
				Expect []struct {
					Accept     bool              `json:"accept"`
					Plain      string            `json:"plaintext"`
					Originator onem2m.ID         `json:"originator"`
					Recorded   []string          `json:"recorded"`
					Code       onem2m.StatusCode `json:"responseStatusCode"`
				} `json:"expect"`
			}
			read(t, v.Input, &in)
			read(t, v.Output, &out)
			r := in.State.receiver(t)
			for i, want := range out.Expect {
				before := known(r)
				x, err := r.Open(t.Context(), in.Objects[i])
				recorded := []string{}
				for id := range known(r) {
					if !before[id] {
						recorded = append(recorded, id)
					}
				}
				if !want.Accept {
					if e := onem2m.AsError(err); e == nil || e.Code != want.Code {
						t.Fatalf("%s: got %v, want %d", in.Title, err, want.Code)
					}
					if want.Code != onem2m.ESPrimImpersonationError && want.Code != onem2m.ESPrimDecryptionError && len(recorded) > 0 {
						t.Errorf("E-77 %s: recorded %s", in.Title, recorded)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", in.Title, err)
				}
				if diff := cmp.Diff(want.Recorded, recorded); diff != "" {
					t.Errorf("%s: recorded %s", in.Title, diff)
				}
				plain, _, ok := readRequest(wire.Codec{}, []byte(want.Plain))
				if !ok || x.Originator != want.Originator || !cmp.Equal(x.Request, plain.request) {
					t.Errorf("%s: %+v by %s", in.Title, x.Request, x.Originator)
				}
			}
		})
	}
}

func TestVectors_E86_E87_E89_Responses(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "esprim-response") {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			var in struct {
				Title string `json:"title"`
				State struct {
					Now     string `json:"now"`
					Session struct {
						Kid string         `json:"kid"`
						Key string         `json:"pairwiseESPrimKey_hex"`
						RRO jsontext.Value `json:"rro"`
						ORO jsontext.Value `json:"oro"`
						RQI string         `json:"innerRequestIdentifier"`
					} `json:"session"`
				} `json:"state"`
				Object string `json:"esprimObject"`
			}
			var out struct {
				Expect struct {
					Accept   bool     `json:"accept"`
					Plain    string   `json:"plaintext"`
					Recorded []string `json:"recorded"`
				} `json:"expect"`
			}
			read(t, v.Input, &in)
			read(t, v.Output, &out)
			now, s := instant(t, in.State.Now).Time(), in.State.Session
			g, err := NewOriginator(OriginatorOptions{
				Key: Key{ID: s.Kid, Secret: secretOf(t, s.Key), Peer: "//iot.example.org/in-cse"}, Now: func() time.Time { return now },
			})
			if err != nil {
				t.Fatal(err)
			}
			rro, oro := receiverRandOf(t, s.RRO), originatorRandOf(t, s.ORO)
			secret, err := keys.Session(g.o.Key.Secret, rro.ReceiverRand, oro.OriginatorRand)
			if err != nil {
				t.Fatal(err)
			}
			aead, err := newAEAD(secret, keys.A256GCM)
			if err != nil {
				t.Fatal(err)
			}
			g.rro, g.current = &rro, &tie{rro: rro, oro: oro, algorithm: keys.A256GCM, aead: aead}
			res, err := (&Call{g: g, tie: g.current, rqi: s.RQI}).Open(in.Object)
			if !out.Expect.Accept {
				if !errors.Is(err, ErrDiscarded) {
					t.Fatalf("%s: got %v %v", in.Title, res, err)
				}
				return
			}
			if err != nil || res.RequestID != s.RQI {
				t.Fatalf("%s: got %v %v", in.Title, res, err)
			}
			recorded := []string{}
			if g.rro.ID != rro.ID {
				recorded = append(recorded, g.rro.ID)
			}
			if diff := cmp.Diff(out.Expect.Recorded, recorded); diff != "" {
				t.Errorf("%s: recorded %s", in.Title, diff)
			}
		})
	}
}
