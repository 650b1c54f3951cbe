package fieldcase

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/test/harness"
)

// line is the setup of case 03.
func line(t *testing.T) (*harness.Client, *harness.Sink) {
	t.Helper()
	c, _ := trusting(t)
	c.Register(t, "Cflow01", "flow")
	c.Register(t, "Cpeek01", "peek")
	c.Make(t, "CAdmin", "/cse-in", 1, policy("temp", "CAdmin", `{"acor":["Cflow01"],"acop":63}`, `{"acor":["Cpeek01"],"acop":17}`))
	c.Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"line1"}}`)
	c.Make(t, "CAdmin", "/cse-in/line1", 3, `{"m2m:cnt":{"rn":"temp","acpi":["cse-in/temp"]}}`)
	return c, harness.NewSink(t)
}

// event is the body of a notification of case 03.
type event struct {
	Notification struct {
		Event struct {
			Type           int            `json:"net"`
			Representation map[string]any `json:"rep"`
		} `json:"nev"`
		Subscription string `json:"sur"`
		Creator      string `json:"cr"`
	} `json:"m2m:sgn"`
}

func readEvent(t *testing.T, body string) event {
	t.Helper()
	var e event
	if err := json.Unmarshal([]byte(body), &e, json.RejectUnknownMembers(true)); err != nil {
		t.Errorf("the notification %s: %v", body, err)
	}
	return e
}

func TestFieldCase03_AFlowToolSubscribes(t *testing.T) {
	t.Parallel()
	c, sink := line(t)
	url := sink.URL + "/onem2m"
	subscribe := func(from, body string) harness.Request {
		return harness.Request{Method: http.MethodPost, Target: "/cse-in/line1/temp", From: from, Type: 23, Body: body}
	}
	t.Run("A an address without a list", func(t *testing.T) {
		a := c.Send(t, subscribe("Cflow01", `{"m2m:sub":{"rn":"watch","nu":"`+url+`","nct":2,"enc":{"net":[3]}}}`))
		a.Expect(t, 4000, 400)
		a.Names(t, "nu")
		c.Get(t, "Cflow01", "/cse-in/line1/temp/watch").Expect(t, 4004, 404)
	})
	t.Run("B0 a notification content that the event doesn't have", func(t *testing.T) {
		a := c.Send(t, subscribe("Cflow01", `{"m2m:sub":{"rn":"watch","nu":["`+url+`"],"nct":2,"enc":{"net":[3]}}}`))
		a.Expect(t, 4000, 400)
		a.Names(t, "nct")
	})
	t.Run("C no request identifier", func(t *testing.T) {
		q := subscribe("Cflow01", `{"m2m:sub":{"rn":"watch","nu":["`+url+`"],"nct":1,"enc":{"net":[3]}}}`)
		q.Header = map[string][]string{"X-M2M-RI": nil}
		c.Send(t, q).Expect(t, 4000, 400)
	})
	t.Run("D A-73 without RETRIEVE", func(t *testing.T) {
		c.Send(t, subscribe("Cpeek01", `{"m2m:sub":{"rn":"watch2","nu":["`+url+`"],"nct":1,"enc":{"net":[3]}}}`)).Expect(t, 4103, 403)
	})
	t.Run("E an event type without a list", func(t *testing.T) {
		a := c.Send(t, subscribe("Cflow01", `{"m2m:sub":{"rn":"watch3","nu":["`+url+`"],"nct":1,"enc":{"net":3}}}`))
		a.Expect(t, 4000, 400)
		a.Names(t, "net")
	})
	t.Run("F event types and operation monitoring", func(t *testing.T) {
		c.Send(t, subscribe("Cflow01", `{"m2m:sub":{"rn":"watch4","nu":["`+url+`"],"nct":1,"enc":{"net":[3],"om":[{"ops":2}]}}}`)).Expect(t, 4000, 400)
	})
	var ri string
	t.Run("B the right one", func(t *testing.T) {
		a := c.Send(t, subscribe("Cflow01", `{"m2m:sub":{"rn":"watch","nu":["`+url+`"],"nct":1,"enc":{"net":[3]}}}`))
		a.Expect(t, 2001, 201)
		ri = a.Text("ri")
		if cr := c.Get(t, "Cflow01", "/cse-in/line1/temp/watch").Text("cr"); cr != "Cflow01" {
			t.Errorf("cr is %q", cr)
		}
	})
	t.Run("G a reading", func(t *testing.T) { reading(t, c, sink, ri) })
	t.Run("H an instance can't be watched", func(t *testing.T) {
		q := subscribe("Cflow01", `{"m2m:sub":{"rn":"watch","nu":["`+url+`"],"nct":1,"enc":{"net":[3]}}}`)
		q.Target = "/cse-in/line1/temp/first"
		c.Send(t, q).Expect(t, 5203, 403)
	})
	t.Run("G the address of a reading", func(t *testing.T) {
		c.Delete(t, "Cflow01", "/cse-in/line1/temp/watch").Expect(t, 2002, 200)
		c.Send(t, subscribe("Cflow01", `{"m2m:sub":{"rn":"brief","nu":["`+url+`"],"nct":3,"enc":{"net":[3]}}}`)).Expect(t, 2001, 201)
		before := len(sink.Got())
		made := c.Make(t, "Cflow01", "/cse-in/line1/temp", 4, `{"m2m:cin":{"rn":"second","con":22}}`)
		got := sink.Wait(time.Minute, harness.AtLeast(before+1))
		if len(got) != before+1 {
			t.Fatalf("%d notifications more", len(got)-before)
		}
		uri, _ := readEvent(t, got[before].Body).Notification.Event.Representation["m2m:uri"].(string)
		if !strings.HasSuffix(uri, made) && !strings.HasSuffix(uri, "cse-in/line1/temp/second") {
			t.Errorf("the notification is %s, the instance %s", got[before].Body, made)
		}
	})
}

// reading creates an instance and looks at the notification.
func reading(t *testing.T, c *harness.Client, sink *harness.Sink, ri string) {
	t.Helper()
	before := len(sink.Got())
	c.Create(t, "Cflow01", "/cse-in/line1/temp", 4, `{"m2m:cin":{"rn":"first","con":21.5}}`).Expect(t, 2001, 201)
	got := sink.Wait(time.Minute, harness.AtLeast(before+1))
	if len(got) != before+1 {
		t.Fatalf("%d notifications", len(got)-before)
	}
	n := got[before]
	media, _, _ := strings.Cut(n.Header.Get("Content-Type"), ";")
	if n.Path != "/onem2m" || media != "application/json" && media != "application/vnd.onem2m-ntfy+json" {
		t.Errorf("path %s, type %s", n.Path, media)
	}
	if n.Header.Get("X-M2M-RI") == "" || n.Header.Get("X-M2M-Origin") != "/id-in" {
		t.Errorf("headers %v", n.Header)
	}
	e := readEvent(t, n.Body)
	if e.Notification.Event.Type != 3 || e.Notification.Subscription != "/id-in/"+ri {
		t.Errorf("net %d, sur %q, want 3 and %q", e.Notification.Event.Type, e.Notification.Subscription, "/id-in/"+ri)
	}
	cin, _ := e.Notification.Event.Representation["m2m:cin"].(map[string]any)
	if cin["con"] != 21.5 || fmt.Sprint(cin["ty"]) != "4" {
		t.Errorf("the representation is %v", cin)
	}
	for _, name := range []string{"ri", "rn", "pi", "ct", "lt", "st", "cs"} {
		if cin[name] == nil {
			t.Errorf("the representation lacks %s: %v", name, cin)
		}
	}
	time.Sleep(100 * time.Millisecond) // a second one would come at once
	if more := sink.Got(); len(more) != before+1 {
		t.Errorf("%d notifications for one reading", len(more)-before)
	}
}
