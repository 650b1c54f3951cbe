package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"bulwark/access"
	"bulwark/client"
	"bulwark/internal/cli"
	"bulwark/internal/node"
	"bulwark/internal/ops/config"
	"bulwark/internal/process"
	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

// measureDecisions times the access decision alone.
func measureDecisions(t *table) {
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}
	for _, rules := range []int{10, 1000} {
		var b strings.Builder
		b.WriteString(`{"acr":[`)
		for i := range rules {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"acor":["Cother%d","/id-in/Cgroup%d*"],"acop":63,"acco":[{"actw":["* * 8-17 * * 1-5 *"],"acip":{"ipv4":["192.0.2.0/24"]}}]}`, i, i)
		}
		b.WriteString(`]}`)
		policy, err := access.Compile(home, []byte(b.String()), "pv")
		if err != nil {
			t.value(fmt.Sprintf("access decision, %d rules", rules), err.Error(), "", false)
			continue
		}
		sources := []access.Source{{Name: "bench", Policy: policy}}
		q := access.Query{
			Home: home, Originator: "//m2m.example/id-in/Casks", Operation: onem2m.Retrieve, Privilege: access.Retrieve,
			TargetType: onem2m.TypeContainer, Time: time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC), IP: netip.MustParseAddr("192.0.2.7"),
		}
		n, begin := 0, time.Now()
		for time.Since(begin) < 200*time.Millisecond {
			for range 100 {
				access.Decide(&q, sources)
				n++
			}
		}
		each := time.Since(begin) / time.Duration(n)
		if rules == 10 {
			t.value("access decision, 10 rules", each.String(), "≤ 1µs", each <= time.Microsecond)
		} else {
			t.value(fmt.Sprintf("access decision, %d rules", rules), each.String(), "", true)
		}
	}
}

// measureSize fills a store and measures start and memory of a CSE on it.
func measureSize(ctx context.Context, t *table, r cli.BenchRequest, dir string) error {
	data := filepath.Join(dir, "size")
	if err := fill(ctx, data, r.Instances); err != nil {
		return fmt.Errorf("fill the store: %w", err)
	}
	begin := time.Now()
	p, err := process.Start(ctx, "--data", data, "--https", "off", "--http", "127.0.0.1:0", "--trust-plain")
	if err != nil {
		return err
	}
	started := time.Since(begin)
	defer p.Stop()
	what := fmt.Sprintf(" with %d instances", r.Instances)
	t.value("start"+what, short(started), "≤ 500ms", started <= 500*time.Millisecond)
	if r.Instances >= 100 {
		if err := measureDiscovery(ctx, t, p.URL, what); err != nil {
			return err
		}
	}
	if runtime.GOOS != "linux" {
		t.value("memory"+what, "can't be read on "+runtime.GOOS, "", true)
		return nil
	}
	rss, err := residentMiB(p.PID())
	if err != nil {
		return err
	}
	t.value("memory"+what, fmt.Sprintf("%d MB", rss), "≤ 150 MB", rss <= 150)
	return nil
}

// fill makes a CSE with one container that holds n instances, by way of the
// store: over HTTP it would take minutes.
func fill(ctx context.Context, data string, n int) (err error) {
	cfg, err := config.Load(config.Sources{Flags: map[string]string{"data": data, "https": "off", "http": "127.0.0.1:0", "trust-plain": "true"}})
	if err != nil {
		return err
	}
	nd, err := node.Open(ctx, cfg, node.Options{Version: "bench"})
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- nd.Run(running) }()
	err = furnishSize(ctx, nd.Addresses()[0])
	cancel()
	if err = errors.Join(err, <-done, nd.Close()); err != nil {
		return err
	}
	s, err := sql.Open(ctx, sql.Options{Dir: data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	const batch = 2000
	for at := 0; at < n; at += batch {
		if err := s.Update(ctx, func(tx store.Tx) error { return insert(tx, min(batch, n-at)) }); err != nil {
			return err
		}
	}
	return nil
}

// furnishSize makes the container, a guest who may read it by a policy of ten
// rules, and one resource that has a label.
func furnishSize(ctx context.Context, url string) error {
	if err := furnishAE(ctx, client.Options{URL: url, From: "CBenchPlain"}); err != nil {
		return err
	}
	if err := furnishAE(ctx, client.Options{URL: url, From: "CBenchGuest"}); err != nil {
		return err
	}
	c, err := client.New(client.Options{URL: url, From: "CBenchPlain"})
	if err != nil {
		return err
	}
	defer c.Close()
	rules := strings.Repeat(`{"acor":["CNobody*"],"acop":63},`, 8) + `{"acor":["CBenchPlain"],"acop":63},{"acor":["CBenchGuest"],"acop":34}`
	if _, err := c.Create(ctx, "cse-in/plain", onem2m.TypeAccessControlPolicy, onem2m.Object{
		{Name: "rn", Value: onem2m.TextValue("guests")},
		{Name: "pv", Value: []byte(`{"acr":[` + rules + `]}`)},
		{Name: "pvs", Value: []byte(`{"acr":[{"acor":["CBenchPlain"],"acop":63}]}`)},
	}); err != nil {
		return err
	}
	policies := onem2m.Object{{Name: "acpi", Value: onem2m.TextsValue([]string{"cse-in/plain/guests"})}}
	if _, err := c.Update(ctx, "cse-in/plain/data", "m2m:cnt", policies); err != nil {
		return err
	}
	_, err = c.Create(ctx, "cse-in/plain", onem2m.TypeContainer, append(policies,
		onem2m.Member{Name: "lbl", Value: onem2m.TextsValue([]string{"needle"})}))
	return err
}

// insert adds n instances to the container of the bench AE.
func insert(tx store.Tx, n int) error {
	ae, err := tx.ByRI("CBenchPlain")
	if err != nil {
		return err
	}
	cnt, err := tx.Child(ae.ID, "data")
	if err != nil {
		return err
	}
	counters := cnt.Counters
	for range n {
		id := tx.NextID()
		ri := "cin" + strconv.FormatInt(id, 36) + "-bench"
		counters.State++
		counters.Count++
		counters.Bytes += 100
		rec := &store.Record{
			ID: id, Parent: cnt.ID, RI: ri, RN: ri, Type: onem2m.TypeContentInstance, Root: "m2m:cin",
			Created: cnt.Created + onem2m.Timestamp(id), Modified: cnt.Created + onem2m.Timestamp(id), Expires: cnt.Expires,
			Origin: ae.Origin, Size: 100,
		}
		rec.Attributes = fmt.Appendf(nil, `{"ty":4,"ri":%q,"rn":%q,"pi":%q,"ct":%q,"lt":%q,"et":%q,"con":%q,"st":%d,"cs":100}`,
			ri, ri, cnt.RI, rec.Created, rec.Modified, rec.Expires, strings.Repeat("x", 100), counters.State)
		if err := tx.Insert(rec); err != nil {
			return err
		}
	}
	return tx.Count(cnt.ID, counters)
}

// touch makes the CSE read: a thousand instances, one by one.
func touch(ctx context.Context, c *client.Client) error {
	list, err := discover(ctx, c, "cse-in/plain/data", onem2m.FilterCriteria{}, 1000)
	if err != nil {
		return err
	}
	for _, address := range list {
		if _, err := c.Retrieve(ctx, address); err != nil {
			return err
		}
	}
	return nil
}

// measureDiscovery times pages of a hundred, and a search that finds one
// resource: for the creator of everything, and for a guest by a policy of ten
// rules.
func measureDiscovery(ctx context.Context, t *table, url, what string) error {
	for _, who := range []struct{ from, name string }{{"CBenchPlain", ""}, {"CBenchGuest", ", by policy"}} {
		c, err := client.New(client.Options{URL: url, From: who.from})
		if err != nil {
			return err
		}
		defer c.Close()
		if who.name == "" {
			if err := touch(ctx, c); err != nil {
				return err
			}
		}
		for _, search := range []struct {
			name   string
			filter onem2m.FilterCriteria
			found  int
		}{
			{"discovery, a page of 100", onem2m.FilterCriteria{}, 100},
			{"discovery by label, one match", onem2m.FilterCriteria{Labels: []string{"needle"}}, 1},
		} {
			const times = 20
			begin := time.Now()
			for range times {
				list, err := discover(ctx, c, "cse-in", search.filter, 100)
				if err != nil {
					return err
				}
				if len(list) != search.found {
					return fmt.Errorf("%s%s: %d resources, not %d", search.name, who.name, len(list), search.found)
				}
			}
			each := time.Since(begin) / times
			t.value(search.name+who.name+what, short(each), "≤ 10ms", each <= 10*time.Millisecond)
		}
	}
	return nil
}

func discover(ctx context.Context, c *client.Client, to string, filter onem2m.FilterCriteria, limit int64) ([]string, error) {
	filter.Limit = &limit
	list, _, err := c.Discover(ctx, to, filter)
	return list, err
}

// residentMiB reads the resident memory of a process, in MiB.
func residentMiB(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			return kib / 1024, err
		}
	}
	return 0, errors.New("the kernel doesn't tell the memory of the process")
}
