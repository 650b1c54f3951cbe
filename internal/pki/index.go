package pki

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/go-json-experiment/json"
)

// Record is one issued certificate in the index.
type Record struct {
	Serial    string    `json:"serial"` // lower-case hexadecimal
	Kind      Kind      `json:"kind"`
	Name      string    `json:"name"`
	File      string    `json:"file"` // where the certificate was written
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	Revoked   time.Time `json:"revoked,omitzero"`
}

// readIndex reads the index, one JSON object a line.
func readIndex(path string) ([]Record, error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Record
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var r Record
		if err := json.Unmarshal(line, &r, json.RejectUnknownMembers(true)); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, len(out)+1, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// writeIndex replaces the index.
func writeIndex(path string, records []Record) error {
	var out []byte
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		out = append(append(out, line...), '\n')
	}
	return writeFile(path, out, keyMode)
}
