package sparql

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"bulwark/internal/rdf"
	"bulwark/internal/rdf/scan"
)

// Update is a parsed update request (SPARQL 1.1 Update). It can be applied any number of times.
type Update struct {
	variables  []string
	operations []operation
}

// operation is one operation of a request. The forms with DATA have no pattern.
type operation struct {
	clear  bool
	remove []triple
	insert []triple
	where  *group
}

// ParseUpdate reads INSERT DATA, DELETE DATA, DELETE and INSERT with WHERE, DELETE WHERE and CLEAR DEFAULT, with semicolons between them. An error is
// a *SyntaxError; so is whatever names another graph.
func ParseUpdate(text string) (*Update, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	u := &Update{}
	for {
		if err := p.prologue(); err != nil {
			return nil, err
		}
		if p.token().Kind == scan.End {
			break
		}
		p.labels = make(map[string]label)
		o, err := p.operation()
		if err != nil {
			return nil, err
		}
		u.operations = append(u.operations, o)
		if !p.accept(";") {
			break
		}
	}
	if p.token().Kind != scan.End {
		return nil, p.unexpected("; or the end of the update")
	}
	u.variables = p.variables
	return u, nil
}

func (p *parser) operation() (operation, error) {
	switch {
	case p.token().IsWord("INSERT") && p.peek().IsWord("DATA"), p.token().IsWord("DELETE") && p.peek().IsWord("DATA"):
		return p.dataOperation()
	case p.token().IsWord("DELETE") && p.peek().IsWord("WHERE"):
		p.next()
		p.next()
		triples, err := p.templateTriples()
		if err == nil {
			err = p.refuseBlanks(triples)
		}
		return operation{remove: triples, where: &group{parts: []pattern{&basic{triples: triples}}}}, err
	case p.token().IsWord("DELETE"), p.token().IsWord("INSERT"):
		return p.modify()
	case p.word("CLEAR"):
		p.word("SILENT")
		if !p.word("DEFAULT") {
			return operation{}, p.fail("CLEAR is for DEFAULT: there is one graph")
		}
		return operation{clear: true}, nil
	}
	for _, word := range []string{"LOAD", "CREATE", "DROP", "COPY", "MOVE", "ADD", "WITH"} {
		if p.token().IsWord(word) {
			return operation{}, p.fail("%s is refused: there is one graph", word)
		}
	}
	return operation{}, p.unexpected("INSERT, DELETE or CLEAR")
}

func (p *parser) dataOperation() (operation, error) {
	insert := p.next().IsWord("INSERT")
	p.next()
	triples, err := p.templateTriples()
	if err != nil {
		return operation{}, err
	}
	for _, t := range triples {
		for _, n := range t.nodes() {
			if n.isVariable() {
				return operation{}, p.fail("DATA takes no variables")
			}
		}
	}
	if insert {
		return operation{insert: triples}, nil
	}
	return operation{remove: triples}, p.refuseBlanks(triples)
}

// modify reads DELETE and INSERT with their common WHERE.
func (p *parser) modify() (operation, error) {
	var o operation
	var err error
	if p.word("DELETE") {
		if o.remove, err = p.templateTriples(); err != nil {
			return o, err
		}
		if err := p.refuseBlanks(o.remove); err != nil {
			return o, err
		}
	}
	if p.word("INSERT") {
		if o.insert, err = p.templateTriples(); err != nil {
			return o, err
		}
	}
	if p.token().IsWord("USING") {
		return o, p.fail("USING is refused: there is one graph")
	}
	if err := p.expectWord("WHERE"); err != nil {
		return o, err
	}
	o.where, err = p.group()
	return o, err
}

// refuseBlanks keeps blank nodes out of what is deleted: they would match nothing (section 3.1.3.3).
func (p *parser) refuseBlanks(triples []triple) error {
	for _, t := range triples {
		for _, n := range t.nodes() {
			if n.term.Kind == rdf.Blank {
				return p.fail("a blank node cannot be deleted by name; use a variable")
			}
		}
	}
	return nil
}

// change is one triple that has gone in or out.
type change struct {
	triple rdf.Triple
	added  bool
}

// Apply changes the graph by all operations in order, or by none: on an error the graph has the triples that it had. The errors are those of Run.
func (u *Update) Apply(ctx context.Context, g *rdf.Graph, limits Limits) (err error) {
	var done []change
	defer func() {
		if err == nil {
			return
		}
		for _, c := range slices.Backward(done) {
			if c.added {
				g.Remove(c.triple)
			} else {
				g.Add(c.triple)
			}
		}
	}()
	steps := 0
	for _, o := range u.operations {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := newRun(ctx, g, limits, len(u.variables))
		r.steps = steps
		planned, err := r.changes(o)
		if err != nil {
			return err
		}
		steps = r.steps
		for _, c := range planned {
			if c.added && g.Add(c.triple) || !c.added && g.Remove(c.triple) {
				done = append(done, c)
			}
			if g.Len() > r.limits.Graph {
				return fmt.Errorf("%w: %d triples in the graph", ErrLimit, r.limits.Graph)
			}
		}
	}
	return nil
}

// changes computes what an operation takes out and puts in, before anything changes: first all that goes, then all that comes.
func (r *run) changes(o operation) ([]change, error) {
	if o.clear {
		var all []change
		for t := range r.graph.Match(nil, nil, nil) {
			all = append(all, change{triple: t})
		}
		return all, r.tick(len(all))
	}
	var out, in []change
	scope := rand.Text()[:12]
	each := func(solution row) error {
		blanks := make(map[string]rdf.Term)
		for _, t := range o.remove {
			if made, ok := r.instance(t, solution, scope, blanks); ok {
				out = append(out, change{triple: made})
			}
		}
		for _, t := range o.insert {
			if made, ok := r.instance(t, solution, scope, blanks); ok {
				in = append(in, change{triple: made, added: true})
			}
		}
		r.cells += 16 * (len(o.remove) + len(o.insert)) // three terms of some words
		if r.cells > r.limits.Cells {
			return fmt.Errorf("%w: %d terms held", ErrLimit, r.limits.Cells)
		}
		return r.tick(1 + len(o.remove) + len(o.insert))
	}
	start := make(row, r.width)
	var err error
	if o.where == nil {
		err = each(start)
	} else {
		err = r.group(o.where, start, each)
	}
	return append(out, in...), err
}
