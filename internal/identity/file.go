package identity

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

// maxFile bounds a file with certificates or revocation lists. A list of a
// hundred thousand entries has some 4 MiB.
const maxFile = 16 << 20

// lookInterval is how often files are looked at for a change, at most: a
// revoked credential must be out within five seconds (S-140).
const lookInterval = 2 * time.Second

// fileStamp tells whether a file is still the one that was read.
type fileStamp struct {
	info os.FileInfo
}

// same reports whether two stamps are of the same version of the same file.
func (s fileStamp) same(o fileStamp) bool {
	return s.info != nil && o.info != nil && os.SameFile(s.info, o.info) &&
		s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime())
}

// stampOf returns the stamp of the file as it is now.
func stampOf(path string) (fileStamp, error) {
	info, err := os.Stat(path)
	return fileStamp{info}, err
}

// readFile reads a whole file of bounded size, and its stamp from before, so
// that a change while reading is seen at the next look.
func readFile(path string) ([]byte, fileStamp, error) {
	stamp, err := stampOf(path)
	if err != nil {
		return nil, stamp, err
	}
	if stamp.info.Size() > maxFile {
		return nil, stamp, fmt.Errorf("%s: larger than %d octets", path, maxFile)
	}
	data, err := os.ReadFile(path)
	return data, stamp, err
}

// blocks returns the DER of all PEM blocks of one type. A file without any PEM
// is DER itself. Blocks of other types are skipped.
func blocks(data []byte, kind string) ([][]byte, error) {
	var out [][]byte
	rest, armoured := data, false
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		armoured = true
		if block.Type == kind {
			out = append(out, block.Bytes)
		}
	}
	if !armoured && len(data) > 0 {
		return [][]byte{data}, nil
	}
	if len(out) == 0 {
		return nil, errors.New("there is no " + kind + " in it")
	}
	return out, nil
}
