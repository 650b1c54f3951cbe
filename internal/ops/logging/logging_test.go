package logging_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/internal/ops/logging"
)

func TestLog_WritesEveryFieldOfARequest(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logging.Log(t.Context(), logging.New(&out, slog.LevelInfo, true), logging.Request{
		ID: "r1", Originator: "CLamp", Target: "cse-in/lamp", Operation: "create", Binding: "https",
		Status: 4107, Duration: 3 * time.Millisecond, Err: errors.New("no rule"),
	})
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../docs/logging.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"req", "fr", "to", "op", "rsc", "dur", "bind", "err", "level", "msg", "time"} {
		if line[field] == nil {
			t.Errorf("%s is missing in %s", field, out.String())
		}
		if !strings.Contains(string(page), "| `"+field+"` |") {
			t.Errorf("docs/logging.md does not explain %s", field)
		}
	}
	if line["level"] != "WARN" {
		t.Errorf("a request of somebody else has level %v", line["level"])
	}
}

func TestLog_LetsNoClientBeginALine(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		logging.Log(t.Context(), logging.New(&out, slog.LevelInfo, asJSON), logging.Request{
			Originator: "C\ntime=now level=INFO msg=forged", Target: strings.Repeat("x", 100_000), Status: 5000,
		})
		if lines := strings.Count(out.String(), "\n"); lines != 1 || out.Len() > 2000 {
			t.Errorf("%d lines, %d octets: %.200s", lines, out.Len(), out.String())
		}
	}
}

func TestLog_ALevelForEachStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{2000: "DEBUG", 4004: "DEBUG", 4103: "DEBUG", 4106: "WARN", 4107: "WARN", 5000: "ERROR", 5207: "DEBUG"} {
		var out bytes.Buffer
		logging.Log(t.Context(), logging.New(&out, slog.LevelDebug, false), logging.Request{Status: status})
		if !strings.Contains(out.String(), "level="+want) {
			t.Errorf("%d: %s", status, out.String())
		}
	}
}

func TestLog_KeepsQuietBelowTheLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logging.Log(t.Context(), logging.New(&out, slog.LevelInfo, false), logging.Request{Status: 2000})
	if out.Len() != 0 {
		t.Errorf("got %s", out.String())
	}
}
