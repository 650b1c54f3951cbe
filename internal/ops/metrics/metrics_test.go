package metrics_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"bulwark/internal/ops/metrics"
)

// full returns a registry in which every metric has a value.
func full() *metrics.Metrics {
	m := metrics.New("v1.2.3")
	m.Request("https", "create", 4, 2001, time.Millisecond)
	m.Store(func() metrics.Commits { return metrics.Commits{Commits: 2, Failed: 1, Changes: 7} })
	m.Handshake("ok", "TLS_AES_128_GCM_SHA256")
	m.Notification("delivered")
	m.Handled("bundled")
	m.Queue("audit", func() int { return 3 })
	m.AuditLost(func() uint64 { return 0 })
	return m
}

func TestDocs_ExplainEveryMetricAndLabel(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	families, err := full().Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "onem2m_") {
			continue
		}
		var row string
		for line := range strings.Lines(string(page)) {
			if strings.HasPrefix(line, "| `"+f.GetName()+"` |") {
				row = line
			}
		}
		if row == "" {
			t.Errorf("docs/metrics.md does not explain %s", f.GetName())
			continue
		}
		for _, label := range f.GetMetric()[0].GetLabel() {
			if !strings.Contains(row, "`"+label.GetName()+"`") {
				t.Errorf("docs/metrics.md does not name the label %s of %s", label.GetName(), f.GetName())
			}
		}
	}
}

func TestRequest_TextOfClientsMakesNoSeries(t *testing.T) {
	t.Parallel()
	m := metrics.New("v")
	for i := range 2000 {
		text := fmt.Sprint("x", i)
		m.Request(text, text, 1000+i*7, i*13, 0)
		m.Handshake(text, text)
		m.Notification(text)
	}
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if n := len(f.GetMetric()); strings.HasPrefix(f.GetName(), "onem2m_") && n > 1000 {
			t.Errorf("%s has %d series", f.GetName(), n)
		}
		for _, metric := range f.GetMetric() {
			for _, label := range metric.GetLabel() {
				// 1007 is no resource type, 1989 no response status code.
				if v := label.GetValue(); strings.HasPrefix(v, "x") || v == "1007" || v == "1989" {
					t.Errorf("%s has the label value %s", f.GetName(), label.GetValue())
				}
			}
		}
	}
}

func TestRequest_CountsByBindingOperationTypeAndStatus(t *testing.T) {
	t.Parallel()
	m := full()
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "onem2m_requests_total" {
			continue
		}
		got := fmt.Sprint(f.GetMetric())
		for _, want := range []string{`"https"`, `"create"`, `"4"`, `"2001"`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s is missing in %s", want, got)
			}
		}
		return
	}
	t.Error("there is no counter of requests")
}
