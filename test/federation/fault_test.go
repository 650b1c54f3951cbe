package federation

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bulwark/test/harness"
)

// What a line does with what comes back from the far end.
const (
	passes    int32 = iota
	holds           // nothing comes back, and nothing ends
	cuts            // the connection breaks when an answer comes back
	dead            // nobody is there
	truncates       // half of an answer comes back, and then the connection breaks
	repeats         // what goes to the far end goes there twice
	dawdles         // what comes back comes late, a little at a time
)

// line is a connection between two CSEs that the test can spoil.
type line struct {
	mode atomic.Int32
	url  string

	listener net.Listener
	mu       sync.Mutex // guards open
	open     map[net.Conn]bool
}

// newLine returns a line to the address of a CSE.
func newLine(t *testing.T, target string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &line{listener: l, url: "https://" + l.Addr().String(), open: map[net.Conn]bool{}}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { s.carry(near, target) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.breakAll()
		group.Wait()
	})
	return s
}

func (s *line) note(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[c] = true
}

// breakAll breaks all connections.
func (s *line) breakAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close()
	}
	clear(s.open)
}

// set changes what the line does from now on.
func (s *line) set(mode int32) {
	s.mode.Store(mode)
	if mode == dead {
		s.breakAll()
	}
}

func (s *line) carry(near net.Conn, target string) {
	defer func() { _ = near.Close() }()
	if s.mode.Load() == dead {
		return
	}
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	s.note(near)
	s.note(far)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(sent{far, s}, near)
		_ = far.Close()
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := far.Read(buffer)
		if err != nil {
			break
		}
		for s.mode.Load() == holds {
			time.Sleep(10 * time.Millisecond)
		}
		if s.mode.Load() == cuts {
			break
		}
		if s.mode.Load() == truncates {
			_, _ = near.Write(buffer[:n/2])
			break
		}
		if err := s.back(near, buffer[:n]); err != nil {
			break
		}
	}
	_ = near.Close()
	<-done
}

// back brings an answer back.
func (s *line) back(near net.Conn, text []byte) error {
	for s.mode.Load() == dawdles && len(text) > 64 {
		if _, err := near.Write(text[:64]); err != nil {
			return err
		}
		text = text[64:]
		time.Sleep(10 * time.Millisecond)
	}
	_, err := near.Write(text)
	return err
}

// sent is the far end of a line.
type sent struct {
	net.Conn
	line *line
}

// Write implements io.Writer.
func (w sent) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	if err == nil && w.line.mode.Load() == repeats {
		_, err = w.Conn.Write(p)
	}
	return n, err
}

func TestFaults_OnTheWayToTheRegistrar(t *testing.T) {
	t.Parallel()
	s := newProvider(t, "//m2m.example")
	s.in.toml += "\n[cse]\npoints = [\"https://127.0.0.1:9\"]\n" // no way but by the line
	s.in.start()
	way := newLine(t, "127.0.0.1:"+s.in.port)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.flags["registrar"] = way.url
	asn := s.below(mn, "asn", "/id-asn", "cse-asn")
	mn.start()
	asn.start()
	mn.joined(s.in)
	asn.joined(mn)
	mn.plain.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"api":"N.example.test","rr":false,"srv":["3"]}}`)
	s.in.open(t, "box", "/id-mn/Cvisitor")
	asn.open(t, "box", "/id-mn/Cvisitor")
	count := func() int { return s.in.plain.Get(t, "CAdmin", "/cse-in/box").Number("cni") }
	post := func(wait time.Duration) *harness.Answer {
		return ask(t, mn, "POST", "Cvisitor", "/~/id-in/cse-in/box", 4, `{"m2m:cin":{"con":"1"}}`, within(wait))
	}
	post(20*time.Second).Expect(t, 2001, 201)

	t.Run("C-076 a slow registrar harms nobody else", func(t *testing.T) {
		way.set(holds)
		defer way.set(passes)
		harness.InTime(t, 3*time.Second, func(unit time.Duration) (err error) {
			var group sync.WaitGroup
			for range 300 { // more than the CSE works on at a time
				group.Go(func() { post(unit) })
			}
			time.Sleep(unit / 6)
			for _, target := range []string{"/cse-mn", "/~/id-asn/cse-asn/box"} {
				d := harness.Took(func() { mn.plain.Get(t, "Cvisitor", target).Expect(t, 2000, 200) })
				if d > unit*2/3 {
					err = fmt.Errorf("%s took %s", target, d)
				}
			}
			group.Wait()
			return err
		})
	})
	t.Run("C-008 a lost answer doesn't make it happen twice", func(t *testing.T) {
		await(t, "the line is good again", func() bool { return mn.plain.Get(t, "Cvisitor", "/~/id-in/cse-in/box").RSC == 2000 })
		before := count()
		way.set(cuts)
		a := post(5 * time.Second)
		way.set(passes)
		if a.RSC != 5103 && a.RSC != 4008 {
			t.Errorf("got %s", a)
		}
		time.Sleep(200 * time.Millisecond)
		if n := count(); n > before+1 {
			t.Errorf("%d instances came of one request", n-before)
		}
	})
	t.Run("C-219 a partition heals", func(t *testing.T) {
		way.set(dead)
		await(t, "nobody is there", func() bool { return post(10*time.Second).RSC == 5103 })
		if d := harness.Took(func() { post(20*time.Second).Expect(t, 5103, 404) }); d > 2*time.Second {
			t.Errorf("C-076: it took %s to say so", d)
		}
		way.set(passes)
		await(t, "the way is open again", func() bool { return post(10*time.Second).RSC == 2001 })
	})
}
