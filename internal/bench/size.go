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
	page, err := touch(ctx, p.URL)
	if err != nil {
		return err
	}
	if page > 0 {
		t.value("discovery, a page of 100"+what, short(page), "≤ 10ms", page <= 10*time.Millisecond)
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
	err = furnishAE(ctx, client.Options{URL: nd.Addresses()[0], From: "CBenchPlain"})
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

// touch makes the CSE read: a thousand instances, one by one. It returns how
// long the discovery of a page of a hundred takes then, 0 if there is none.
func touch(ctx context.Context, url string) (page time.Duration, err error) {
	c, err := client.New(client.Options{URL: url, From: "CBenchPlain"})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	limit := int64(1000)
	list, _, err := c.Discover(ctx, "cse-in/plain/data", onem2m.FilterCriteria{Limit: &limit})
	if err != nil {
		return 0, err
	}
	for _, address := range list {
		if _, err := c.Retrieve(ctx, address); err != nil {
			return 0, err
		}
	}
	if len(list) < 100 {
		return 0, nil
	}
	const times = 20
	limit = 100
	begin := time.Now()
	for range times {
		if _, _, err := c.Discover(ctx, "cse-in", onem2m.FilterCriteria{Limit: &limit}); err != nil {
			return 0, err
		}
	}
	return time.Since(begin) / times, nil
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
