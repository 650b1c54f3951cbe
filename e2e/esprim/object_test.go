package esprim

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

const (
	goodORO = `{"esri":"U97ce3e31eda376d1","esrv":"x7fece4956241c27aafe297467667ae19","esrx":"20260715T125959","esk":1,"espa":[12]}`
	goodRRO = `{"esri":"U2c155270d37c1c59","esrv":"xdf436f5b0b1eb79086ac236a75085601","esrx":"20260715T130000","esks":[1],"espa":[12,11,10]}`
)

func compact(head, rest string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(head)) + rest
}

func TestObject_E50_E51_E54_E60_Syntax(t *testing.T) {
	t.Parallel()
	const rest = "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"
	good := `{"alg":"dir","enc":"A256GCM","kid":"k","ori":"U1","rri":"U2"`
	if _, err := parseObject(compact(good+`,"x":{"y":[1]},"oro":`+goodORO+`,"rro":`+goodRRO+`}`, rest), nil); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	for name, text := range map[string]string{
		"nothing":                       "",
		"four parts":                    compact(good+"}", "..AAAAAAAAAAAAAAAA.AAAA"),
		"six parts":                     compact(good+"}", rest+".AAAA"),
		"an encrypted key":              compact(good+"}", ".AAAA.AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"),
		"no ciphertext":                 compact(good+"}", "..AAAAAAAAAAAAAAAA..AAAAAAAAAAAAAAAAAAAAAA"),
		"no header":                     rest,
		"a vector of 11 octets":         compact(good+"}", "..AAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"),
		"a tag of 15 octets":            compact(good+"}", "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAA"),
		"padding":                       compact(good+"}", "..AAAAAAAAAAAAAAAA.AAA=.AAAAAAAAAAAAAAAAAAAAAA"),
		"a line break":                  compact(good+"}", "..AAAAAAAAAAAAAAAA.AA\nAA.AAAAAAAAAAAAAAAAAAAAAA"),
		"bits behind the end":           compact(good+"}", "..AAAAAAAAAAAAAAAA.AAB.AAAAAAAAAAAAAAAAAAAAAA"),
		"the other alphabet":            compact(good+"}", "..AAAAAAAAAAAAAAAA.AA+A.AAAAAAAAAAAAAAAAAAAAAA"),
		"no JSON":                       compact(good, rest),
		"a name twice":                  compact(good+`,"kid":"k"}`, rest),
		"crit":                          compact(good+`,"crit":["x"],"x":1}`, rest),
		"zip":                           compact(good+`,"zip":"DEF"}`, rest),
		"no enc":                        compact(`{"alg":"dir","kid":"k","ori":"U1","rri":"U2"}`, rest),
		"no kid":                        compact(`{"alg":"dir","enc":"A256GCM","ori":"U1","rri":"U2"}`, rest),
		"no ori":                        compact(`{"alg":"dir","enc":"A256GCM","kid":"k","rri":"U2"}`, rest),
		"no rri":                        compact(`{"alg":"dir","enc":"A256GCM","kid":"k","ori":"U1"}`, rest),
		"no alg":                        compact(`{"enc":"A256GCM","kid":"k","ori":"U1","rri":"U2"}`, rest),
		"a kid that is a number":        compact(`{"alg":"dir","enc":"A256GCM","kid":1,"ori":"U1","rri":"U2"}`, rest),
		"an ori that is no name":        compact(`{"alg":"dir","enc":"A256GCM","kid":"k","ori":"1U","rri":"U2"}`, rest),
		"an oro that is text":           compact(good+`,"oro":"x"}`, rest),
		"an oro without a member":       compact(good+`,"oro":`+strings.Replace(goodORO, `"esk":1,`, ``, 1)+`}`, rest),
		"an oro with one more":          compact(good+`,"oro":`+strings.Replace(goodORO, `"esk":1,`, `"esk":1,"x":1,`, 1)+`}`, rest),
		"E-38 an expiry that is a span": compact(good+`,"oro":`+strings.Replace(goodORO, `"20260715T125959"`, `"60000"`, 1)+`}`, rest),
		"E-38 an expiry as a number":    compact(good+`,"oro":`+strings.Replace(goodORO, `"20260715T125959"`, `60000`, 1)+`}`, rest),
		"E-35 a value that is short":    compact(good+`,"oro":`+strings.Replace(goodORO, `x7fece4956241c27aafe297467667ae19`, `x7fece4956241c27aafe2`, 1)+`}`, rest),
		"no algorithm":                  compact(good+`,"oro":`+strings.Replace(goodORO, `[12]`, `[]`, 1)+`}`, rest),
		"an rro with an esk":            compact(good+`,"rro":`+goodORO+`}`, rest),
		"a header that is long":         compact(good+`,"x":"`+strings.Repeat("y", 5000)+`"}`, rest),
	} {
		if _, err := parseObject(text, nil); !errors.Is(err, errObject) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInnerRequest_E57_E79(t *testing.T) {
	t.Parallel()
	for plain, want := range map[string]struct{ ok, fault bool }{
		`{"op":2,"to":"x","fr":"Ca","rqi":"r"}`:       {ok: true},
		`{"op":2,"to":"x","fr":"Ca","rqi":"r","x":1}`: {ok: true, fault: true},
		`{"rsc":2000,"rqi":"r"}`:                      {},
		`{"op":2,"rsc":2000,"rqi":"r"}`:               {},
		`[1]`:                                         {},
		`<m2m:rqp/>`:                                  {},
		`{"to":"x"}`:                                  {},
		``:                                            {},
	} {
		in, _, ok := readRequest(wire.Codec{}, []byte(plain))
		if ok != want.ok || ok && (in.fault != nil) != want.fault {
			t.Errorf("%s: %t %v", plain, ok, in.fault)
		}
	}
}

// Whatever an attacker does to an object, it is opened only as it was sealed,
// and once.
func TestObject_E77_E92_Tampering(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.learn()
	w.round("a")
	rapid.Check(t, func(t *rapid.T) {
		text, _ := w.request("b")
		objects, marks := len(w.r.peers[kid].objects), w.r.marks
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		with := rapid.SampledFrom([]byte("ABCDEFabcdef0123456789-_.=")).Draw(t, "with")
		changed := []byte(text)
		changed[at] = with
		if string(changed) != text {
			if _, err := w.r.Open(w.t.Context(), string(changed)); err == nil {
				t.Fatalf("opened with %q at %d", with, at)
			}
			if len(w.r.peers[kid].objects) != objects || w.r.marks != marks {
				t.Fatalf("E-77: %q at %d left something behind", with, at)
			}
		}
		if _, err := w.r.Open(w.t.Context(), text); err != nil {
			t.Fatalf("as it was sealed: %v", err)
		}
		if _, err := w.r.Open(w.t.Context(), text); onem2m.AsError(err).Code != onem2m.ESPrimDecryptionError {
			t.Fatalf("again: %v", err)
		}
	})
}

// Over any run of requests, losses, repetitions, time and restarts an inner
// request is executed at most once, and what comes back is the answer to it.
func TestSessions_E61_E92_Model(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, func(ro *ReceiverOptions, oo *OriginatorOptions) {
			ro.Limits.Marks, ro.Limits.OfKey, oo.Uses = 8, 8, 5
		})
		done := map[string]int{}
		var recorded []string
		open := func(text string, call *Call) {
			x, err := w.r.Open(t.Context(), text)
			if err != nil {
				code := onem2m.AsError(err).Code
				if code < 4111 || code > 4116 && code != onem2m.ESPrimDecryptionError {
					rt.Fatalf("code %d", code)
				}
				if call != nil {
					w.g.Forget(code)
				}
				return
			}
			done[x.Request.RequestID]++
			if done[x.Request.RequestID] > 1 {
				rt.Fatalf("%s was executed again", x.Request.RequestID)
			}
			answer, err := x.Seal(&onem2m.Response{Code: onem2m.OK, RequestID: x.Request.RequestID})
			if err != nil {
				rt.Fatal(err)
			}
			if call != nil {
				if _, err := call.Open(answer); err != nil {
					rt.Fatalf("the answer: %v", err)
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"ask": func(rt *rapid.T) {
				rqi := fmt.Sprint("r", len(recorded))
				text, call, err := w.g.Seal(&onem2m.Request{Operation: onem2m.Retrieve, To: "x", From: "/id-mn/Cmeter1", HasFrom: true, RequestID: rqi})
				if errors.Is(err, ErrNoRand) {
					rro, err := w.r.Offer(asker)
					if err != nil {
						rt.Skip("no room")
					}
					w.teach(rro)
					return
				}
				if err != nil {
					rt.Fatal(err)
				}
				recorded = append(recorded, text)
				if rapid.Bool().Draw(rt, "arrives") {
					open(text, call)
				}
			},
			"repeat": func(rt *rapid.T) {
				if len(recorded) == 0 {
					rt.Skip("nothing was sent")
				}
				open(rapid.SampledFrom(recorded).Draw(rt, "which"), nil)
			},
			"wait": func(rt *rapid.T) { w.advance(rapid.SampledFrom([]duration{1e9, 60e9, 200e9, 700e9}).Draw(rt, "time")) },
			"restart": func(*rapid.T) {
				fresh, err := NewReceiver(ReceiverOptions{Home: w.r.home, Registers: true, Keys: w.keys, Now: w.now, Limits: w.r.limits})
				if err != nil {
					rt.Fatal(err)
				}
				w.r = fresh
			},
		})
	})
}

func FuzzObject(f *testing.F) {
	const rest = "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"
	f.Add(compact(`{"alg":"dir","enc":"A256GCM","kid":"k","ori":"U1","rri":"U2","oro":`+goodORO+`}`, rest))
	f.Add(compact(`{"alg":"dir","enc":"A256GCM","kid":"k","ori":"U1","rri":"U2","rro":`+goodRRO+`}`, rest))
	f.Add("....")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseObject(text, nil)
		if err != nil {
			return
		}
		head, err := o.header.append(nil)
		if o.cty != "" && !isName(o.cty) || encName(protection(o.enc)) == "" {
			return // not one that is written here
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseHeader(head)
		if err != nil || again.kid != o.kid || again.ori != o.ori || again.rri != o.rri || (again.oro == nil) != (o.oro == nil) {
			t.Fatalf("%s is read again as %+v, %v", head, again, err)
		}
	})
}

func FuzzReceiverRand(f *testing.F) {
	f.Add([]byte(goodRRO))
	f.Add([]byte(goodORO))
	f.Fuzz(func(t *testing.T, in []byte) {
		rand, err := ParseReceiverRand(in)
		if err != nil {
			return
		}
		text, err := rand.JSON()
		if err != nil {
			t.Fatalf("%s can't be written: %v", in, err)
		}
		if again, err := ParseReceiverRand(text); err != nil || again.Expires != rand.Expires {
			t.Fatalf("%s is read again as %+v, %v", text, again, err)
		}
	})
}
