package recall_test

import (
	"strconv"
	"testing"

	"bulwark/internal/dynauth/recall"
	"bulwark/onem2m"
)

func TestMarks_AServerThatCallsBackALotDisturbsNoOther(t *testing.T) {
	t.Parallel()
	const das, other, who = onem2m.ID("//m2m.example/Sdas"), onem2m.ID("//m2m.example/Sother"), onem2m.ID("//m2m.example/Sapp")
	var m recall.Marks
	turn := m.Turn()
	for i := range 20_001 {
		m.Note(das, who, "//m2m.example/id-in/"+strconv.Itoa(i))
	}
	if !m.Since(turn, das, who, "//m2m.example/id-in/0") || !m.Since(turn, das, who, "//m2m.example/id-in/never") {
		t.Error("what was forgotten of a server doesn't count as called back")
	}
	if m.Since(turn, other, who, "//m2m.example/id-in/0") {
		t.Error("what another server answers counts as called back")
	}
	if m.Since(m.Turn(), das, who, "//m2m.example/id-in/0") {
		t.Error("what the server answers afterwards counts as called back")
	}
}
