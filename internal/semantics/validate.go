package semantics

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bulwark/internal/rdf"
)

// ErrInconsistent says that a description contradicts its ontologies.
var ErrInconsistent = errors.New("semantics: the description doesn't fit its ontologies")

func inconsistent(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInconsistent, fmt.Sprintf(format, args...))
}

// maxWork bounds one validation, in terms and triples looked at: an ontology may
// be made so that everything is below everything.
const maxWork = 5_000_000

// Validate holds a description against ontologies, by the checks that the
// package comment lists. The error names the first term at fault: ErrInconsistent,
// or ErrTooLarge where it would take too much to find out.
func (o *Ontology) Validate(ctx context.Context, g *rdf.Graph) error {
	if o.left < 0 {
		return ErrTooLarge
	}
	v := &validation{Ontology: o, ctx: ctx, data: g, types: map[rdf.Term]map[rdf.Term]bool{}, ups: map[rdf.Term]map[rdf.Term]bool{}}
	if err := v.collect(); err != nil {
		return err
	}
	for t := range g.Match(nil, nil, nil) {
		if t.P.Value == rdf.Type || isLink(t.P.Value) {
			continue
		}
		if err := v.statement(t); err != nil {
			return err
		}
	}
	return v.exclusions()
}

// validation is one description on its way through the checks.
type validation struct {
	*Ontology
	ctx   context.Context
	data  *rdf.Graph
	types map[rdf.Term]map[rdf.Term]bool // individual: its classes, and all above them
	ups   map[rdf.Term]map[rdf.Term]bool // class or property: itself and all above it
	work  int
}

// spend counts work.
func (v *validation) spend(n int) error {
	before := v.work
	v.work += n
	if v.work > maxWork {
		return ErrTooLarge
	}
	if before>>12 != v.work>>12 {
		return v.ctx.Err()
	}
	return nil
}

// collect finds out what belongs to which classes.
func (v *validation) collect() error {
	is := rdf.NewIRI(rdf.Type)
	for t := range v.data.Match(nil, &is, nil) {
		class := t.O
		if !v.classes[class] && !isBuiltin(class.Value) {
			return inconsistent("class %s isn't declared", class)
		}
		if v.types[t.S] == nil {
			v.types[t.S] = map[rdf.Term]bool{}
		}
		all, err := v.up(v.above, class)
		if err == nil {
			err = v.spend(len(all))
		}
		if err != nil {
			return err
		}
		for c := range all {
			v.types[t.S][c] = true
		}
	}
	return nil
}

// up returns a class or property and everything above it.
func (v *validation) up(above map[rdf.Term][]rdf.Term, term rdf.Term) (map[rdf.Term]bool, error) {
	if all := v.ups[term]; all != nil {
		return all, nil
	}
	all := map[rdf.Term]bool{}
	for rest := []rdf.Term{term}; len(rest) > 0; {
		t := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		if all[t] {
			continue
		}
		all[t] = true
		if err := v.spend(1 + len(above[t])); err != nil {
			return nil, err
		}
		rest = append(rest, above[t]...)
	}
	v.ups[term] = all
	return all, nil
}

// statement checks one triple.
func (v *validation) statement(t rdf.Triple) error {
	if isBuiltin(t.P.Value) {
		return wellFormed(t.O)
	}
	if _, declared := v.properties[t.P]; !declared {
		return inconsistent("property %s isn't declared", t.P)
	}
	if err := wellFormed(t.O); err != nil {
		return err
	}
	all, err := v.up(v.broader, t.P)
	if err != nil {
		return err
	}
	for p := range all {
		if err := v.usage(p, t); err != nil {
			return err
		}
	}
	return nil
}

// usage holds a triple against a property, its own or one above that.
func (v *validation) usage(p rdf.Term, t rdf.Triple) error {
	if err := v.spend(1 + len(v.domains[p]) + len(v.ranges[p])); err != nil {
		return err
	}
	literal := t.O.Kind == rdf.Literal
	switch v.properties[p] {
	case kindObject:
		if literal {
			return inconsistent("object property %s has a literal as value", t.P)
		}
	case kindData:
		if !literal {
			return inconsistent("datatype property %s has no literal as value", t.P)
		}
	case kindAny:
	}
	for _, class := range v.domains[p] {
		if !v.belongs(t.S, class) {
			return inconsistent("%s isn't in the domain of %s", t.S, t.P)
		}
	}
	for _, class := range v.ranges[p] {
		if literal && !v.fits(t.O, class) || !literal && !v.belongs(t.O, class) {
			return inconsistent("%s isn't in the range of %s", t.O, t.P)
		}
	}
	return v.single(p, t)
}

// belongs reports whether an individual is in a class, or may be: where nobody
// says what it is, and where the class is an expression.
func (v *validation) belongs(individual, class rdf.Term) bool {
	types := v.types[individual]
	if len(types) == 0 || types[class] {
		return true
	}
	switch class.Value {
	case owl + "Thing", rdfs + "Resource":
		return true
	}
	if class.Kind != rdf.Blank {
		return false
	}
	members := v.union(class)
	v.work += len(members)
	return members == nil || slices.ContainsFunc(members, func(member rdf.Term) bool {
		return types[member] || member.Kind == rdf.Blank || member.Value == owl+"Thing"
	})
}

// fits reports whether a literal is of a data type.
func (v *validation) fits(literal, datatype rdf.Term) bool {
	switch datatype.Value {
	case rdfs + "Literal", rdfs + "Resource":
		return true
	}
	if datatype.Kind == rdf.Blank { // a restriction of a data type, or a union
		return true
	}
	above, err := v.up(v.above, rdf.NewIRI(literal.Datatype))
	return err != nil || above[datatype] || derived(literal.Datatype, datatype.Value)
}

// single: a functional property has one literal. Two IRIs may name one thing.
func (v *validation) single(p rdf.Term, t rdf.Triple) error {
	if !v.functional[p] || t.O.Kind != rdf.Literal {
		return nil
	}
	for other := range v.data.Match(&t.S, &t.P, nil) {
		if other.O != t.O && other.O.Kind == rdf.Literal {
			return inconsistent("functional property %s has two values", t.P)
		}
	}
	return nil
}

// exclusions: nothing belongs to classes that are disjoint.
func (v *validation) exclusions() error {
	for individual, types := range v.types {
		sets := map[int]rdf.Term{}
		for class := range types {
			if err := v.spend(1 + len(v.disjoint[class]) + len(v.exclusive[class])); err != nil {
				return err
			}
			for _, other := range v.disjoint[class] {
				if types[other] {
					return inconsistent("%s belongs to disjoint classes", individual)
				}
			}
			for _, set := range v.exclusive[class] {
				if first, taken := sets[set]; taken && first != class {
					return inconsistent("%s belongs to disjoint classes", individual)
				}
				sets[set] = class
			}
		}
	}
	return nil
}
