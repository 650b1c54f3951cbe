package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// A Group is the requirements that share a prefix, as one chapter of the page.
type Group struct {
	Prefix string
	Title  string
}

// groups lists the chapters in the order of the page.
func groups() []Group {
	return []Group{
		{"C", "Core procedures"},
		{"B", "Protocol bindings"},
		{"A", "Authorization"},
		{"E", "End-to-end security"},
		{"S", "Security associations"},
		{"P", "Enrolment and provisioning"},
	}
}

// prefixRank is the position of a prefix on the page, -1 for one that does not exist.
func prefixRank(prefix string) int {
	return slices.IndexFunc(groups(), func(g Group) bool { return g.Prefix == prefix })
}

// A Matrix is everything the page shows.
type Matrix struct {
	Requirements []Requirement
	Claims       map[ID]Claim
	Coverage     Coverage
	Features     Features
	Deviations   string // Markdown
	LastRun      string // Markdown
}

// Load reads the conformance data and the tests of the module whose root is given.
func Load(root fs.FS) (*Matrix, error) {
	requirements, err := loadRequirements(root)
	if err != nil {
		return nil, err
	}
	claims, err := LoadClaims(root)
	if err != nil {
		return nil, err
	}
	features, err := loadFeatures(root)
	if err != nil {
		return nil, err
	}
	coverage, err := scan(root, requirements)
	if err != nil {
		return nil, err
	}
	deviations, err := fs.ReadFile(root, deviationsFile)
	if err != nil {
		return nil, fmt.Errorf("reading the deviations: %w", err)
	}
	lastRun, err := fs.ReadFile(root, lastRunFile)
	if err != nil {
		return nil, fmt.Errorf("reading the last run: %w", err)
	}
	return &Matrix{
		Requirements: requirements,
		Claims:       claims,
		Coverage:     coverage,
		Features:     features,
		Deviations:   strings.TrimSpace(string(deviations)),
		LastRun:      strings.TrimSpace(string(lastRun)),
	}, nil
}

// Claim is what is claimed about a requirement.
func (m *Matrix) Claim(id ID) Claim {
	if claim, ok := m.Claims[id]; ok {
		return claim
	}
	return Claim{State: StateNot}
}

// Check reports, all at once, every claim that nothing supports: about a requirement that does not exist, done without a test, or
// partly without saying what is missing.
func (m *Matrix) Check() error {
	known := make(map[ID]bool, len(m.Requirements))
	for _, r := range m.Requirements {
		known[r.ID] = true
	}
	var problems []error
	for _, id := range slices.SortedFunc(maps.Keys(m.Claims), ID.Compare) {
		claim := m.Claims[id]
		switch {
		case !known[id]:
			problems = append(problems, fmt.Errorf("%s is claimed and is no requirement", id))
		case claim.State == StateDone && len(m.Coverage[id]) == 0:
			problems = append(problems, fmt.Errorf("%s is called done and no test names it", id))
		case claim.State == StatePartly && claim.Note == "":
			problems = append(problems, fmt.Errorf("%s is called partly done and no note says what is missing", id))
		}
	}
	return errors.Join(problems...)
}

// Unclaimed lists the requirements that tests name and that are not claimed: those to look at when the state is brought up to date.
func (m *Matrix) Unclaimed() []Requirement {
	var list []Requirement
	for _, r := range m.Requirements {
		if _, ok := m.Claims[r.ID]; !ok && len(m.Coverage[r.ID]) > 0 {
			list = append(list, r)
		}
	}
	return list
}
