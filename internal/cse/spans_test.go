package cse

import (
	"fmt"
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestTransactionMgmt_C442_WhoBringsManyTransactionsLeavesWorkersToOthers(t *testing.T) {
	t.Parallel()
	var s spans
	s.init()
	s.via = func(who onem2m.ID) onem2m.ID {
		if strings.HasPrefix(string(who), "//m2m.example/id-many/") {
			return "//m2m.example/id-many"
		}
		return ""
	}
	drive := func() (list []int64) {
		for {
			id, _ := s.next(1)
			if id == 0 {
				return list
			}
			list = append(list, id)
		}
	}
	for i := range int64(2 * spanWorkers) {
		s.arm(i+1, onem2m.ID(fmt.Sprintf("//m2m.example/id-many/C%d", i)), 1)
	}
	brought := drive()
	if len(brought) == 0 || len(brought) > spanWorkers/2 {
		t.Errorf("%d of %d workers are of one CSE", len(brought), spanWorkers)
	}
	for i := range int64(2 * maxSpanning) {
		s.arm(100+i, "//m2m.example/id-in/Cone", 1)
	}
	if n := len(drive()); n != maxSpanning {
		t.Errorf("then an AE of this CSE gets %d", n)
	}
	for _, id := range brought {
		s.disarm(id)
		s.release(id)
	}
	if n := len(drive()); n == 0 {
		t.Error("those that are left aren't driven")
	}
}
