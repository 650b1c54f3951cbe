package fieldcase

import (
	"net/http"
	"testing"

	"bulwark/test/harness"
)

// bridge sends the three requests of a bridge's start, for Release 1.
type bridge struct {
	client *harness.Client
	api    string
}

func (b bridge) register(t *testing.T, from, rn string) *harness.Answer {
	t.Helper()
	return b.client.Send(t, harness.Request{
		Method: http.MethodPost, Target: "/cse-in", From: from,
		Header: release1("Content-Type", "application/vnd.onem2m-res+json; ty=2", "locale", "ko", "X-M2M-RI", "zb-0001"),
		Body:   `{"m2m:ae":{"rn":"` + rn + `","api":"` + b.api + `","rr":true,"poa":["http://192.0.2.40:9727"]}}`,
	})
}

func (b bridge) container(t *testing.T) *harness.Answer {
	t.Helper()
	return b.client.Send(t, harness.Request{
		Method: http.MethodPost, Target: "/cse-in/zbBridge", From: "SzbBridge",
		Header: release1("Content-Type", "application/vnd.onem2m-res+json; ty=3", "X-M2M-RI", "zb-0002"),
		Body:   `{"m2m:cnt":{"rn":"hall-motion","lbl":["motion"]}}`,
	})
}

func (b bridge) reading(t *testing.T) *harness.Answer {
	t.Helper()
	return b.client.Send(t, harness.Request{
		Method: http.MethodPost, Target: "/cse-in/zbBridge/hall-motion", From: "SzbBridge",
		Header: release1("Content-Type", "application/vnd.onem2m-res+json; ty=4", "X-M2M-RI", "zb-0003"),
		Body:   `{"m2m:cin":{"con":"{\"occupancy\":true,\"battery\":87}"}}`,
	})
}

func TestFieldCase01_ABridgeThatProvisionsEverythingAgain(t *testing.T) {
	t.Parallel()
	client, _ := trusting(t)

	old := bridge{client, "0.2.481.1.1.23"}
	a := old.register(t, "SzbBridge", "zbBridge")
	a.Expect(t, 4000, 400)
	a.Names(t, "api")
	client.Get(t, "CAdmin", "/cse-in/zbBridge").Expect(t, 4004, 404)

	b := bridge{client, "Nzb.example.bridge"}
	first := b.register(t, "SzbBridge", "zbBridge")
	first.Expect(t, 2001, 201)
	if got := first.Text("aei"); got != "SzbBridge" {
		t.Errorf("the AE-ID is %q", got)
	}
	if rvi := first.Header.Get("X-M2M-RVI"); rvi != "" {
		t.Errorf("the answer to a Release 1 request has X-M2M-RVI %q", rvi)
	}
	b.container(t).Expect(t, 2001, 201)
	b.reading(t).Expect(t, 2001, 201)
	latest := client.Get(t, "SzbBridge", "/cse-in/zbBridge/hall-motion/la")
	if got, want := latest.Text("con"), `{"occupancy":true,"battery":87}`; got != want {
		t.Errorf("con is %q, want the text %q", got, want)
	}

	before := client.Get(t, "SzbBridge", "/cse-in/zbBridge")
	b.register(t, "SzbBridge", "zbBridge").Expect(t, 4117, 403)
	b.container(t).Expect(t, 4105, 409)
	b.reading(t).Expect(t, 2001, 201)
	after := client.Get(t, "SzbBridge", "/cse-in/zbBridge")
	for _, name := range []string{"aei", "ct", "ri", "lt"} {
		if before.Text(name) != after.Text(name) || after.Text(name) == "" {
			t.Errorf("%s of the AE was %q and is %q", name, before.Text(name), after.Text(name))
		}
	}
	if n := client.Get(t, "SzbBridge", "/cse-in/zbBridge/hall-motion").Number("cni"); n != 2 {
		t.Errorf("cni is %d, want 2", n)
	}
	b.register(t, "Sother01", "zbBridge").Expect(t, 4105, 409)
}
