package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxLine bounds a line that a reader accepts: twice what a Log can write.
const maxLine = 32 << 10

// maxFound bounds the answer of Search: a request has a handful of decisions;
// only a client that repeats its identifiers has more.
const maxFound = 1000

// Records returns the records in dir, oldest first. Lines that are torn or
// not ours are skipped. It may run while a Log writes. An error ends it.
func Records(dir string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		numbers, err := files(dir)
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, n := range numbers {
			more, err := readFile(fileName(dir, n), yield)
			if errors.Is(err, fs.ErrNotExist) {
				continue // rotated away meanwhile
			}
			if err != nil {
				yield(Record{}, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// readFile yields the records of one file and reports whether to go on.
func readFile(name string, yield func(Record, error) bool) (bool, error) {
	f, err := os.Open(name) // #nosec G304 -- a file of the trail
	if err != nil {
		return false, fmt.Errorf("open the audit file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	lines := bufio.NewReaderSize(f, maxLine)
	skipping := false
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			skipping = true
			continue
		case errors.Is(err, io.EOF):
			return true, nil // what stands behind the last line end is torn
		case err != nil:
			return false, fmt.Errorf("read the audit file: %w", err)
		case skipping:
			skipping = false
			continue
		}
		var r Record
		if json.Unmarshal(line, &r) != nil {
			continue
		}
		if !yield(r, nil) {
			return false, nil
		}
	}
}

// Search returns the records of a request in dir, oldest first, at most 1000.
// Each CSE that passes a request on puts a word and a dot before its identifier:
// so that of any hop finds what came before and after it.
func Search(dir, requestID string) ([]Record, error) {
	requestID = cut(requestID)
	var found []Record
	for r, err := range Records(dir) {
		if err != nil {
			return found, err
		}
		if r.RequestID != requestID && !onward(requestID, r.RequestID) && !onward(r.RequestID, requestID) {
			continue
		}
		if found = append(found, r); len(found) == maxFound {
			break
		}
	}
	return found, nil
}

// onward reports whether a request with the first identifier may have become, on
// its way, one with the second.
func onward(rqi, hop string) bool {
	before, ok := strings.CutSuffix(hop, rqi)
	return ok && rqi != "" && strings.HasSuffix(before, ".")
}
