package dasserver

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"bulwark/internal/ops/config"
)

func TestWatch_WhatCouldNotBeHeldAgainstThePolicyIsStillDue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"policy.toml": "",
		"das.toml":    "data = \"data\"\n[das]\nid = \"//m2m.example/Sdas\"\nfqdn = \"das.m2m.example\"\npolicy = \"policy.toml\"\naddress = \"127.0.0.1:0\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(config.Sources{File: filepath.Join(dir, "das.toml")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	ended, end := context.WithCancel(t.Context())
	end()
	if s.look(ended, true) {
		t.Error("a review that failed counts as one")
	}
	if !s.look(t.Context(), true) || !s.look(ended, false) {
		t.Error("what is reviewed stays due")
	}
}
