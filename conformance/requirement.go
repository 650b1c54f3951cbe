package conformance

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Where the inputs lie, relative to the root of the module.
const (
	requirementsFile = "conformance/requirements.json"
	stateFile        = "conformance/state.json"
	typesFile        = "conformance/types.json"
	deviationsFile   = "conformance/deviations.md"
	lastRunFile      = "conformance/last-run.md"

	// StateFile is where the claims about requirements are kept, relative to the root of the module.
	StateFile = stateFile
	// Page is the generated matrix, relative to the root of the module.
	Page = "docs/conformance.md"
)

// ID is the identifier of a requirement, such as "A-70" or "C-016".
type ID string

// Compare orders identifiers by the sequence of the prefixes on the page, then by number.
func (id ID) Compare(other ID) int {
	return cmp.Or(
		cmp.Compare(prefixRank(id.Prefix()), prefixRank(other.Prefix())),
		cmp.Compare(id.number(), other.number()),
	)
}

// Prefix is the letter of the identifier.
func (id ID) Prefix() string {
	prefix, _, _ := strings.Cut(string(id), "-")
	return prefix
}

// number is the numeric part, -1 when there is none; the loader has refused such identifiers.
func (id ID) number() int {
	_, digits, _ := strings.Cut(string(id), "-")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

// A Requirement is one rule that the project is measured against.
type Requirement struct {
	ID     ID     `json:"id"`
	Clause string `json:"clause"` // where it comes from; empty for rules of the project's own making
	Gist   string `json:"gist"`
}

// A State says how far a requirement, a resource type or a binding is met.
type State string

// The states. A requirement that state.json does not mention is StateNot.
const (
	StateDone   State = "done"
	StatePartly State = "partly"
	StateNot    State = "not"
)

// valid reports whether s is one of the three states.
func (s State) valid() bool { return s == StateDone || s == StatePartly || s == StateNot }

// A Claim is what the project says about one requirement.
type Claim struct {
	State State  `json:"state"`
	Note  string `json:"note,omitzero"` // what is missing, or why it is not built
}

// A Feature is one line of the tables of resource types, bindings and serializations.
type Feature struct {
	Type  int    `json:"type,omitzero"` // number of the resource type; 0 in the other tables
	Name  string `json:"name"`
	State State  `json:"state"`
	Note  string `json:"note,omitzero"`
	Since string `json:"since,omitzero"` // the release a type came with, when later than Release 3
}

// Features are the three tables of types.json.
type Features struct {
	Types          []Feature `json:"types"`
	Bindings       []Feature `json:"bindings"`
	Serializations []Feature `json:"serializations"`
}

// loadRequirements reads and checks the list of requirements, in the order of the page.
func loadRequirements(root fs.FS) ([]Requirement, error) {
	var list []Requirement
	if err := loadJSON(root, requirementsFile, &list); err != nil {
		return nil, err
	}
	seen := make(map[ID]bool, len(list))
	for _, r := range list {
		switch {
		case prefixRank(r.ID.Prefix()) < 0 || r.ID.number() < 1:
			return nil, fmt.Errorf("%s: %q is not an identifier", requirementsFile, r.ID)
		case seen[r.ID]:
			return nil, fmt.Errorf("%s: %s appears twice", requirementsFile, r.ID)
		case r.Gist == "":
			return nil, fmt.Errorf("%s: %s has no gist", requirementsFile, r.ID)
		}
		seen[r.ID] = true
	}
	slices.SortFunc(list, func(a, b Requirement) int { return a.ID.Compare(b.ID) })
	return list, nil
}

// LoadClaims reads what is claimed about each requirement.
func LoadClaims(root fs.FS) (map[ID]Claim, error) {
	claims := map[ID]Claim{}
	if err := loadJSON(root, stateFile, &claims); err != nil {
		return nil, err
	}
	for id, claim := range claims {
		if !claim.State.valid() {
			return nil, fmt.Errorf("%s: %s has the unknown state %q", stateFile, id, claim.State)
		}
	}
	return claims, nil
}

// FormatClaims writes claims as state.json keeps them: one line each, in the order of the page, so that a change is a line in a diff.
// It refuses a state that does not exist.
func FormatClaims(claims map[ID]Claim) ([]byte, error) {
	if len(claims) == 0 {
		return []byte("{}\n"), nil
	}
	var b strings.Builder
	separator := "{\n"
	for _, id := range slices.SortedFunc(maps.Keys(claims), ID.Compare) {
		if !claims[id].State.valid() {
			return nil, fmt.Errorf("%s: the state %q does not exist", id, claims[id].State)
		}
		line, err := json.Marshal(claims[id], jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true))
		if err != nil {
			return nil, fmt.Errorf("writing the claim about %s: %w", id, err)
		}
		fmt.Fprintf(&b, "%s  %q: %s", separator, string(id), line)
		separator = ",\n"
	}
	b.WriteString("\n}\n")
	return []byte(b.String()), nil
}

// loadFeatures reads the tables of types, bindings and serializations.
func loadFeatures(root fs.FS) (Features, error) {
	var f Features
	if err := loadJSON(root, typesFile, &f); err != nil {
		return Features{}, err
	}
	for _, table := range [][]Feature{f.Types, f.Bindings, f.Serializations} {
		for _, row := range table {
			if row.Name == "" || !row.State.valid() {
				return Features{}, fmt.Errorf("%s: the row %q has the state %q", typesFile, row.Name, row.State)
			}
		}
	}
	return f, nil
}

// loadJSON decodes one file; a member that the target does not have is an error, so that a misspelt word is not lost.
func loadJSON(root fs.FS, name string, into any) error {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return fmt.Errorf("reading the conformance data: %w", err)
	}
	if err := json.Unmarshal(data, into, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
