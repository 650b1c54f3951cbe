package recall

import (
	"sync"

	"bulwark/onem2m"
)

// maxMarks bounds what is remembered of the recalls of one server. When there are
// more, every question to it that is on its way counts as recalled: who asked asks
// again. Questions to other servers are none of its business.
const maxMarks = 10_000

// Marks tell whether what a server answers was called back while the answer was
// on its way. A server answers, an operator revokes, and the recall arrives first:
// without a mark the answer would grant again what was called back.
type Marks struct {
	mu   sync.Mutex // guards what follows
	turn uint64     // how many recalls there were
	by   map[onem2m.ID]*marks
}

// marks are those of one server.
type marks struct {
	last  map[mark]uint64
	floor uint64 // recalls before it are forgotten, and count for everybody
}

type mark struct {
	who    onem2m.ID
	target string
}

// Turn returns the state that a question begins in.
func (m *Marks) Turn() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.turn
}

// Note marks a recall of a server.
func (m *Marks) Note(by, who onem2m.ID, target string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by == nil {
		m.by = map[onem2m.ID]*marks{}
	}
	one := m.by[by]
	if one == nil {
		one = &marks{last: map[mark]uint64{}}
		m.by[by] = one
	}
	if len(one.last) >= maxMarks {
		one.last, one.floor = map[mark]uint64{}, m.turn
	}
	m.turn++
	one.last[mark{who, target}] = m.turn
}

// Since reports whether something like the answer to a question was called back
// after the question began.
func (m *Marks) Since(turn uint64, by, who onem2m.ID, target string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.by[by]
	return one != nil && (turn < one.floor || turn < one.last[mark{who, target}])
}
