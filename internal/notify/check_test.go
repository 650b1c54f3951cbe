package notify

import (
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func TestCheckSubscription_C272_ABatchGetsADuration(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"num":3}`:              `{"num":3,"dur":"PT1M"}`,
		`{}`:                     `{"dur":"PT1M"}`,
		`{"num":3,"dur":"PT5S"}`: `{"num":3,"dur":"PT5S"}`,
	} {
		out, err := CheckSubscription(home, object(t, `{"nu":["Ca"],"bn":`+given+`}`), onem2m.TypeByNumber(onem2m.TypeContainer), false)
		if err != nil || string(out.Get("bn")) != want {
			t.Errorf("%s: %s, %v, want %s", given, out.Get("bn"), err, want)
		}
	}
}

// object reads a JSON object into an Object, null included.
func object(t *testing.T, text string) onem2m.Object {
	t.Helper()
	var members map[string]jsontext.Value
	if err := unmarshal(text, &members); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var o onem2m.Object
	for _, name := range []string{"rn", "nu", "enc", "nct", "exc", "nsp", "su", "bn", "rl", "pn", "ln", "acrs", "nse", "eeno", "psn", "nec"} {
		if v, ok := members[name]; ok {
			o.Set(name, v)
		}
	}
	return o
}

func TestCheckSubscription(t *testing.T) {
	t.Parallel()
	const nu = `"nu":["http://192.0.2.50:1880/onem2m"]`
	tests := []struct {
		id, name, attributes string
		parent               onem2m.ResourceType // 0: container
		update               bool
		code                 onem2m.StatusCode // 0: accepted
		subject              string
		want                 string // enc and nct when accepted
	}{
		{id: "C-270", name: "net is assigned without enc", attributes: `{` + nu + `}`, want: `{"net":[1]} 1`},
		{id: "C-270", name: "net is assigned in enc", attributes: `{` + nu + `,"enc":{"atr":["lbl"]}}`, want: `{"atr":["lbl"],"net":[1]} 1`},
		{id: "C-270", name: "net is assigned in an empty enc", attributes: `{` + nu + `,"enc":{}}`, want: `{"net":[1]} 1`},
		{id: "C-271", name: "nct is assigned", attributes: `{` + nu + `,"enc":{"net":[3,4]}}`, want: `{"net":[3,4]} 1`},
		{id: "C-271", name: "nct is kept", attributes: `{` + nu + `,"enc":{"net":[3]},"nct":3}`, want: `{"net":[3]} 3`},
		{id: "C-271", name: "nct 2 fits updates", attributes: `{` + nu + `,"enc":{"net":[1]},"nct":2}`, want: `{"net":[1]} 2`},
		{id: "C-271", name: "different defaults and no nct", attributes: `{` + nu + `,"enc":{"net":[1,6]}}`, parent: onem2m.TypeAE, code: onem2m.BadRequest, subject: "nct"},
		{id: "C-304", name: "preSubscriptionNotify is stored", attributes: `{` + nu + `,"psn":3}`, want: `{"net":[1]} 1`},
		{id: "C-277", name: "ct=json is accepted", attributes: `{"nu":["http://192.0.2.50/a?x=1&ct=json","/id-in/Crecv01?ct=json"]}`, want: `{"net":[1]} 1`},
		{id: "C-277", name: "ct=xml and ct=cbor too", attributes: `{"nu":["http://192.0.2.50/a?ct=xml","http://192.0.2.50/b?ct=cbor"]}`, want: `{"net":[1]} 1`},
		{id: "C-277", name: "ct=yaml is none", attributes: `{"nu":["http://192.0.2.50/a?ct=yaml"]}`, code: onem2m.BadRequest, subject: "nu"},
		{id: "C-277", name: "ct of something else", attributes: `{"nu":["http://192.0.2.50/a?ct=exi"]}`, code: onem2m.BadRequest, subject: "nu"},

		{id: "C-276", name: "no target", attributes: `{"nct":1}`, code: onem2m.BadRequest, subject: "nu"},
		{id: "C-276", name: "no target left", attributes: `{"nu":[]}`, update: true, code: onem2m.BadRequest, subject: "nu"},
		{id: "C-276", name: "targets removed", attributes: `{"nu":null}`, update: true, code: onem2m.BadRequest, subject: "nu"},
		{id: "C-273", name: "a text instead of a list", attributes: `{"nu":"http://192.0.2.50:1880/onem2m","nct":2,"enc":{"net":[3]}}`, code: onem2m.BadRequest, subject: "nu"},
		{id: "C-273", name: "a target that is neither URL nor identifier", attributes: `{"nu":["http://"]}`, code: onem2m.BadRequest, subject: "nu"},
		{id: "C-273", name: "a target with a space", attributes: `{"nu":["a b"]}`, code: onem2m.BadRequest, subject: "nu"},
		{id: "C-273", name: "a list of numbers", attributes: `{"nu":[1]}`, code: onem2m.BadRequest, subject: "nu"},
		{id: "C-281", name: "a subscriberURI that is no target", attributes: `{` + nu + `,"su":"a b"}`, code: onem2m.BadRequest, subject: "su"},

		{id: "C-271", name: "modified attributes of a new child", attributes: `{` + nu + `,"nct":2,"enc":{"net":[3]}}`, code: onem2m.BadRequest, subject: "nct"},
		{id: "C-271", name: "modified attributes of a deleted resource", attributes: `{` + nu + `,"nct":2,"enc":{"net":[1,2]}}`, code: onem2m.BadRequest, subject: "nct"},
		{id: "C-270", name: "net is no list", attributes: `{` + nu + `,"nct":1,"enc":{"net":3}}`, code: onem2m.BadRequest, subject: "net"},
		{id: "C-270", name: "net is empty", attributes: `{` + nu + `,"enc":{"net":[]}}`, code: onem2m.BadRequest, subject: "net"},
		{id: "C-270", name: "net has text in it", attributes: `{` + nu + `,"enc":{"net":["3"]}}`, code: onem2m.BadRequest, subject: "net"},
		{id: "C-270", name: "an event type out of range", attributes: `{` + nu + `,"enc":{"net":[11]}}`, code: onem2m.BadRequest, subject: "net"},
		{id: "C-291", name: "event types and operations", attributes: `{` + nu + `,"nct":1,"enc":{"net":[3],"om":[{"ops":2}]}}`, code: onem2m.BadRequest, subject: "enc"},
		{id: "C-291", name: "operations alone", attributes: `{` + nu + `,"enc":{"om":[{"ops":2}]}}`, want: `{"om":[{"ops":2}]} 1`},
		{id: "C-291", name: "originators by either name", attributes: `{` + nu + `,"enc":{"om":[{"or":"Ca"},{"org":"Cb","ops":3}]}}`, want: `{"om":[{"or":"Ca"},{"org":"Cb","ops":3}]} 1`},
		{id: "C-291", name: "an entry with nothing in it", attributes: `{` + nu + `,"enc":{"om":[{"ops":2},{}]}}`, code: onem2m.BadRequest, subject: "om"},
		{id: "C-291", name: "modified attributes of an attempt", attributes: `{` + nu + `,"nct":2,"enc":{"om":[{"ops":2}]}}`, code: onem2m.BadRequest, subject: "nct"},
		{id: "C-289", name: "event type 5 outside of containers", attributes: `{` + nu + `,"enc":{"net":[5]}}`, parent: onem2m.TypeAE, code: onem2m.BadRequest, subject: "net"},
		{id: "C-289", name: "event type 5 of a container", attributes: `{` + nu + `,"enc":{"net":[5]}}`, want: `{"net":[5]} 1`},
		{id: "C-289", name: "event type 6 has no triggers to tell of", attributes: `{` + nu + `,"enc":{"net":[6]}}`, parent: onem2m.TypeAE, code: onem2m.NotImplemented, subject: "net"},
		{id: "C-289", name: "event type 6 outside of AEs", attributes: `{` + nu + `,"enc":{"net":[6]}}`, code: onem2m.BadRequest, subject: "net"},
		{id: "C-314", name: "blocking update with another type", attributes: `{` + nu + `,"enc":{"net":[1,7]}}`, code: onem2m.BadRequest, subject: "net"},
		{id: "C-314", name: "blocking update", attributes: `{"nu":["Crecv01"],"enc":{"net":[7],"atr":["lbl"]},"nct":2}`, want: `{"net":[7],"atr":["lbl"]} 2`},
		{id: "C-314", name: "blocking update with a policy", attributes: `{"nu":["Crecv01"],"enc":{"net":[7]},"exc":2}`, code: onem2m.BadRequest, subject: "exc"},
		{id: "C-314", name: "blocking update with another condition", attributes: `{"nu":["Crecv01"],"enc":{"net":[7],"sza":1}}`, code: onem2m.BadRequest, subject: "sza"},
		{id: "C-314", name: "blocking update with two targets", attributes: `{"nu":["Crecv01","Crecv02"],"enc":{"net":[7]}}`, code: onem2m.BadRequest, subject: "nu"},
		{id: "C-314", name: "blocking update with a URL", attributes: `{` + nu + `,"enc":{"net":[7]}}`, code: onem2m.BadRequest, subject: "nu"},
		{id: "C-314", name: "blocking update that tells everything", attributes: `{"nu":["Crecv01"],"enc":{"net":[7]},"nct":1}`, code: onem2m.BadRequest, subject: "nct"},
		{id: "C-385", name: "missing data of a time series", attributes: `{` + nu + `,"enc":{"net":[8],"md":{"num":2,"dur":"PT10S"}}}`, parent: onem2m.TypeTimeSeries, want: `{"net":[8],"md":{"num":2,"dur":"PT10S"}} 5`},
		{id: "C-385", name: "missing data in no time", attributes: `{` + nu + `,"enc":{"net":[8],"md":{"num":2,"dur":"PT0S"}}}`, parent: onem2m.TypeTimeSeries, code: onem2m.BadRequest, subject: "md"},
		{id: "C-280", name: "missing data without what is missing", attributes: `{` + nu + `,"enc":{"net":[8]}}`, code: onem2m.BadRequest, subject: "md"},
		{id: "C-280", name: "missing data of a container", attributes: `{` + nu + `,"enc":{"md":{"num":1,"dur":"PT1S"}}}`, code: onem2m.BadRequest, subject: "md"},
		{id: "C-286", name: "a child type that can't be", attributes: `{` + nu + `,"enc":{"net":[3],"chty":[4,2]}}`, code: onem2m.BadRequest, subject: "chty"},
		{id: "C-286", name: "child types that can be", attributes: `{` + nu + `,"enc":{"net":[3],"chty":[3,4]}}`, want: `{"net":[3],"chty":[3,4]} 1`},
		{id: "C-285", name: "an attribute that the type hasn't", attributes: `{` + nu + `,"enc":{"atr":["con"]}}`, code: onem2m.BadRequest, subject: "atr"},
		{id: "C-290", name: "a malformed time", attributes: `{` + nu + `,"enc":{"crb":"yesterday"}}`, code: onem2m.BadRequest, subject: "enc"},
		{id: "C-290", name: "an unknown combination", attributes: `{` + nu + `,"enc":{"fo":4}}`, code: onem2m.BadRequest, subject: "fo"},
		{id: "C-308", name: "a counter of zero", attributes: `{` + nu + `,"exc":0}`, code: onem2m.BadRequest, subject: "exc"},
		{id: "C-309", name: "a priority of zero", attributes: `{` + nu + `,"nsp":0}`, code: onem2m.BadRequest, subject: "nsp"},

		{id: "C-301", name: "batchNotify", attributes: `{` + nu + `,"bn":{"num":3,"dur":"PT1S"}}`, want: `{"net":[1]} 1`},
		{id: "C-301", name: "batchNotify for something that is no time", attributes: `{` + nu + `,"bn":{"dur":"10"}}`, code: onem2m.BadRequest, subject: "bn"},
		{id: "C-303", name: "rateLimit", attributes: `{` + nu + `,"rl":{"mnn":3,"tww":"PT10S"}}`, want: `{"net":[1]} 1`},
		{id: "C-303", name: "rateLimit with milliseconds (row 69)", attributes: `{` + nu + `,"rl":{"mnn":3,"tww":10000}}`, code: onem2m.BadRequest, subject: "rl"},
		{id: "C-303", name: "rateLimit without time", attributes: `{` + nu + `,"rl":{"mnn":3,"tww":"PT0S"}}`, code: onem2m.BadRequest, subject: "tww"},
		{id: "C-307", name: "pendingNotification", attributes: `{` + nu + `,"pn":1}`, want: `{"net":[1]} 1`},
		{id: "C-307", name: "pendingNotification of no known kind", attributes: `{` + nu + `,"pn":3}`, code: onem2m.BadRequest, subject: "pn"},
		{id: "C-300", name: "latestNotify", attributes: `{` + nu + `,"ln":true}`, want: `{"net":[1]} 1`},
		{id: "C-278", name: "associatedCrossResourceSub", attributes: `{` + nu + `,"acrs":["x"]}`, want: `{"net":[1]} 1`},
		{id: "C-278", name: "associatedCrossResourceSub that is no address", attributes: `{` + nu + `,"acrs":["a b"]}`, code: onem2m.BadRequest, subject: "acrs"},
		{id: "C-283", name: "notification statistics", attributes: `{` + nu + `,"nse":true}`, want: `{"net":[1]} 1`},
		{id: "C-284", name: "event notification originator", attributes: `{` + nu + `,"eeno":true}`, want: `{"net":[1]} 1`},

		{id: "C-273", name: "a type that can't be subscribed to", attributes: `{` + nu + `}`, parent: onem2m.TypeContentInstance, code: onem2m.TargetNotSubscribable},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			ty := tt.parent
			if ty == 0 {
				ty = onem2m.TypeContainer
			}
			attrs := object(t, tt.attributes)
			before := string(attrs.Append(nil))
			out, err := CheckSubscription(home, attrs, onem2m.TypeByNumber(ty), tt.update)
			if after := string(attrs.Append(nil)); after != before {
				t.Errorf("the argument was changed: %s", after)
			}
			if tt.code != 0 {
				if e, ok := errors.AsType[*onem2m.Error](err); !ok || e.Code != tt.code || e.Subject != tt.subject {
					t.Errorf("got %v, want %d %s", err, tt.code, tt.subject)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(out.Get("enc"))+" "+string(out.Get("nct"))); diff != "" {
				t.Errorf("enc and nct (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotifiesOthers_C273(t *testing.T) {
	t.Parallel()
	for nu, want := range map[string]bool{
		`["Cmaker1"]`:                        false,
		`["/id-in/Cmaker1?ct=json"]`:         false,
		`["//m2m.example/id-in/Cmaker1"]`:    false,
		`["Cmaker1","Crecv01"]`:              true,
		`["http://192.0.2.50/a"]`:            true,
		`["/id-far/Cmaker1"]`:                true,
		`["//other.example/id-in/Cmaker1"]`:  true,
		`["Cmaker1","http://192.0.2.50/a"]`:  true,
		`["cse-in/ae1","/id-in/cse-in/ae1"]`: true,
	} {
		attrs := object(t, `{"nu":`+nu+`}`)
		if got := NotifiesOthers(home, attrs, "//m2m.example/id-in/Cmaker1"); got != want {
			t.Errorf("%s: %v, want %v", nu, got, want)
		}
	}
}

func TestAddedTargets_C276(t *testing.T) {
	t.Parallel()
	got := AddedTargets(object(t, `{"nu":["a","b"]}`), object(t, `{"nu":["b","c","d"]}`))
	if diff := cmp.Diff([]string{"c", "d"}, got); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a"}, AddedTargets(nil, object(t, `{"nu":["a"]}`))); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
}

func FuzzCheckSubscription(f *testing.F) {
	f.Add(`["http://192.0.2.50/a?ct=json"]`, `{"net":[1],"atr":["lbl"]}`)
	f.Add(`["/id-in/Crecv01"]`, `{"net":3,"om":null}`)
	f.Add(`null`, `[]`)
	f.Fuzz(func(t *testing.T, nu, enc string) {
		if !jsontext.Value(nu).IsValid() || !jsontext.Value(enc).IsValid() {
			return
		}
		var attrs onem2m.Object
		attrs.Set("nu", jsontext.Value(nu))
		attrs.Set("enc", jsontext.Value(enc))
		out, err := CheckSubscription(home, attrs, onem2m.TypeByNumber(onem2m.TypeContainer), false)
		if err != nil {
			if _, ok := errors.AsType[*onem2m.Error](err); !ok {
				t.Errorf("not an error for an originator: %v", err)
			}
			return
		}
		stored := out.Append(nil)
		if !jsontext.Value(stored).IsValid() {
			t.Fatalf("accepted, but not JSON: %s", stored)
		}
		if s := compile(stored); s.err != nil || len(s.targets) == 0 || len(s.events)+len(s.monitors) == 0 {
			t.Errorf("accepted, but not usable: %s: %+v", stored, s)
		}
		if _, err := CheckSubscription(home, out, onem2m.TypeByNumber(onem2m.TypeContainer), true); err != nil {
			t.Errorf("refused in its own form: %v", err)
		}
	})
}
