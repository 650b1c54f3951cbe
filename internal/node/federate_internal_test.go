package node

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTold_OthersLearnTheWayOverTLS(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		points, want []string
	}{
		{"what is over TLS", []string{"http://a.example", "https://a.example"}, []string{"https://a.example"}},
		{"nothing of this machine alone", []string{"http://127.0.0.1:8080", "https://a.example", "https://[::1]:8443"}, []string{"https://a.example"}},
		{"a name of this machine", []string{"https://localhost", "https://a.example"}, []string{"https://a.example"}},
		{"plain where there is nothing else", []string{"http://a.example"}, []string{"http://a.example"}},
		{"this machine where there is nothing else", []string{"http://127.0.0.1:8080"}, []string{"http://127.0.0.1:8080"}},
		{"no way over TLS that nobody else can take", []string{"https://127.0.0.1", "http://a.example"}, []string{"http://a.example"}},
		{"nothing", nil, nil},
	}
	for _, tt := range tests {
		t.Run("S-014 "+tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, told(tt.points)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHostPort_IsWhereAConnectionGoes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://In.example.": "in.example:443", "http://127.0.0.1": "127.0.0.1:80", "http://[::1]:8080/x": "[::1]:8080",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := hostPort(u); got != want {
			t.Errorf("%s: got %s", text, got)
		}
	}
}
