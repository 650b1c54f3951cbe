package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"bulwark/internal/process"
	"bulwark/onem2m"
)

// crash: the process dies in the middle of its work, and nothing is missing.
func (s *story) crash(ctx context.Context) bool {
	s.chapter("6  Pull the plug")
	return s.step("The sensor stores values as fast as it can; the CSE is killed with SIGKILL", "it dies in the middle", func() (string, error) {
		s.killUnderLoad(ctx)
		return fmt.Sprintf("dead, with %d values acknowledged so far", s.posted), nil
	}) && s.step("Start it again on the same folder and port", "it comes back", func() (string, error) {
		p, err := process.Start(ctx, "--data", s.data(), "--https", strings.TrimPrefix(s.process.URL, "https://"))
		if err != nil {
			return "", err
		}
		s.process = p
		s.sensor.Close()
		s.dashboard.Close()
		return "ready at " + p.URL, nil
	}) && s.step("Count what was acknowledged", "nothing is missing, and the counter is right", func() (string, error) {
		return s.recount(ctx)
	}) && s.step("The sensor stores 24.2", "the dashboard is still subscribed and is told", func() (string, error) {
		if err := s.post(ctx, "24.2"); err != nil {
			return "", err
		}
		return s.awaitValue(ctx, "24.2")
	}) && s.step("The dashboard registers again with the certificate it has", "refused: it is still registered, its binding has survived", func() (string, error) {
		s.dashboard.SetFrom("CDashboard")
		ty := int64(onem2m.TypeAE)
		res, err := s.dashboard.Do(ctx, &onem2m.Request{Operation: onem2m.Create, To: "-", Type: &ty, Content: &onem2m.Content{
			Name: "m2m:ae", Value: []byte(`{"api":"Ndashboard.m2m.example","rr":false,"srv":["3"]}`),
		}})
		if err != nil {
			return "", err
		}
		if res.Code != onem2m.OriginatorHasAlreadyRegistered {
			return "", fmt.Errorf("%d %s", res.Code, onem2m.StatusName(res.Code))
		}
		return fmt.Sprintf("refused: %d %s", res.Code, onem2m.StatusName(res.Code)), nil
	})
}

// killUnderLoad stores values until the process is dead.
func (s *story) killUnderLoad(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ; i++ {
			if err := s.post(ctx, fmt.Sprintf("load %d", i)); err != nil {
				return
			}
		}
	})
	pause(ctx, 300*time.Millisecond) // long enough for some hundred values
	s.process.Kill()
	group.Wait()
}

// recount compares what is there with what was acknowledged. One value more may
// be there: it was stored, and its acknowledgement died with the process.
func (s *story) recount(ctx context.Context) (string, error) {
	cnt, err := s.sensor.Retrieve(ctx, sensorContainer)
	if err != nil {
		return "", err
	}
	counted, _ := cnt.Int("cni")
	kept, err := s.countInstances(ctx)
	if err != nil {
		return "", err
	}
	expected := int64(min(s.posted, 1000)) // maxNrOfInstances of the container
	switch {
	case kept < expected || kept > expected+1:
		return "", fmt.Errorf("%d values are there, %d were acknowledged", kept, s.posted)
	case kept != counted:
		return "", errors.New("the counter is wrong")
	}
	return fmt.Sprintf("%d values are there, the container counts %d", kept, counted), nil
}

func (s *story) countInstances(ctx context.Context) (int64, error) {
	total := int64(0)
	filter := onem2m.FilterCriteria{Types: []onem2m.ResourceType{onem2m.TypeContentInstance}}
	for {
		page, next, err := s.sensor.Discover(ctx, sensorContainer, filter)
		if err != nil {
			return 0, err
		}
		total += int64(len(page))
		if next == 0 {
			return total, nil
		}
		offset := int64(next)
		filter.Offset = &offset
	}
}
