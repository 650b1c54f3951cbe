package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// filePattern names the files of a trail; a higher number is later.
const filePattern = "audit-%08d.jsonl"

// trail is the files of an audit trail, for one writer.
type trail struct {
	dir   string
	size  int64
	count int

	file    *os.File // nil after trouble; opened anew at the next write
	written int64    // octets in file
	dirty   bool     // written since the last sync
	lines   []byte   // buffer of write
}

func openTrail(dir string, size int64, count int) (*trail, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	t := &trail{dir: dir, size: size, count: max(count, 2)}
	return t, t.open()
}

// files lists the files of the trail in dir, oldest first, by their numbers.
func files(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the audit trail: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		var n int
		if _, err := fmt.Sscanf(e.Name(), filePattern, &n); err == nil && fileName(dir, n) == filepath.Join(dir, e.Name()) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

func fileName(dir string, n int) string { return filepath.Join(dir, fmt.Sprintf(filePattern, n)) }

// open continues the latest file and closes a line that was cut short.
func (t *trail) open() error {
	numbers, err := files(t.dir)
	if err != nil {
		return err
	}
	last := 1
	if len(numbers) > 0 {
		last = numbers[len(numbers)-1]
	}
	f, err := os.OpenFile(fileName(t.dir, last), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit file: %w", err)
	}
	size, err := closeLine(f)
	if err != nil {
		_ = f.Close() // the first error counts
		return err
	}
	t.file, t.written = f, size
	return nil
}

// closeLine ends the last line of f, if it has no end, and returns the size.
func closeLine(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("inspect the audit file: %w", err)
	}
	size := info.Size()
	if size == 0 {
		return 0, nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil {
		return 0, fmt.Errorf("read the audit file: %w", err)
	}
	if last[0] == '\n' {
		return size, nil
	}
	if _, err := f.WriteString("\n"); err != nil {
		return 0, fmt.Errorf("close a torn line: %w", err)
	}
	return size + 1, nil
}

// write appends records and returns how many are in the file for sure.
func (t *trail) write(records []Record) (int, error) {
	lines := t.lines[:0]
	defer func() { t.lines = lines[:0] }()
	begun := 0 // first record that is in lines but not in the file
	for i := range records {
		if t.file != nil && t.written+int64(len(lines)) >= t.size {
			if err := t.flush(lines); err != nil {
				return begun, err
			}
			lines, begun = lines[:0], i
			if err := t.rotate(); err != nil {
				return begun, err
			}
		}
		lines = records[i].appendLine(lines)
	}
	if err := t.flush(lines); err != nil {
		return begun, err
	}
	return len(records), nil
}

// flush writes whole lines. After an error the file is closed, so that the
// next flush begins with an open that closes the torn line.
func (t *trail) flush(lines []byte) error {
	if t.file == nil {
		if err := t.open(); err != nil {
			return err
		}
	}
	n, err := t.file.Write(lines)
	t.written += int64(n)
	t.dirty = true
	if err != nil {
		_ = t.file.Close() // the first error counts
		t.file = nil
		return fmt.Errorf("write the audit file: %w", err)
	}
	return nil
}

// rotate begins the next file and removes the oldest beyond count.
func (t *trail) rotate() error {
	numbers, err := files(t.dir)
	if err != nil {
		return err
	}
	if err := t.close(); err != nil {
		return err
	}
	next := 1
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	f, err := os.OpenFile(fileName(t.dir, next), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("begin an audit file: %w", err)
	}
	t.file, t.written = f, 0
	for len(numbers) > t.count-1 {
		if err := os.Remove(fileName(t.dir, numbers[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an old audit file: %w", err)
		}
		numbers = numbers[1:]
	}
	return nil
}

// sync brings what was written to the disk.
func (t *trail) sync() error {
	if t.file == nil {
		return errors.New("synchronize the audit file: it is not open")
	}
	if !t.dirty {
		return nil
	}
	if err := t.file.Sync(); err != nil {
		return fmt.Errorf("synchronize the audit file: %w", err)
	}
	t.dirty = false
	return nil
}

// close synchronizes and closes the file.
func (t *trail) close() error {
	if t.file == nil {
		return nil
	}
	err := t.sync()
	if e := t.file.Close(); err == nil && e != nil {
		err = fmt.Errorf("close the audit file: %w", e)
	}
	t.file = nil
	return err
}
