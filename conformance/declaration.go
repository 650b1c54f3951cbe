package conformance

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// declaration is what one top-level name of a test package holds and refers to.
type declaration struct {
	test  bool     // the go command runs it, or a suite offers it to others
	texts []string // string literals
	uses  []string // names that may be other declarations of the package
}

// declarations collects the top-level functions, methods, variables and constants of a package's test files. Methods are filed under
// their own name: two of the same name share an entry, which at worst attributes too much.
func declarations(files []*ast.File) map[string]*declaration {
	graph := map[string]*declaration{}
	entry := func(name string) *declaration {
		if graph[name] == nil {
			graph[name] = &declaration{}
		}
		return graph[name]
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				d := entry(decl.Name.Name)
				d.test = d.test || isTest(decl)
				if decl.Body != nil {
					d.collect(decl.Body)
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					value, ok := spec.(*ast.ValueSpec)
					if !ok {
						continue
					}
					for _, name := range value.Names {
						for _, expr := range value.Values {
							entry(name.Name).collect(expr)
						}
					}
				}
			}
		}
	}
	return graph
}

// isTest reports whether the function is a test, a fuzz target, or the exported entry of a suite. A benchmark proves nothing, and
// TestMain is not a test.
func isTest(decl *ast.FuncDecl) bool {
	if decl.Recv != nil || decl.Name.Name == "TestMain" {
		return false
	}
	for _, field := range decl.Type.Params.List {
		typ := field.Type
		if pointer, ok := typ.(*ast.StarExpr); ok {
			typ = pointer.X
		}
		selector, ok := typ.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		if pkg, ok := selector.X.(*ast.Ident); ok && pkg.Name == "testing" && (selector.Sel.Name == "T" || selector.Sel.Name == "F") {
			return decl.Name.IsExported()
		}
	}
	return false
}

// collect records the literals and the names under a node. A name that the node defines itself hides the declaration of that name.
func (d *declaration) collect(node ast.Node) {
	local := map[string]bool{}
	var names []string
	define := func(exprs ...ast.Expr) {
		for _, expr := range exprs {
			if name, ok := expr.(*ast.Ident); ok {
				local[name.Name] = true
			}
		}
	}
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				define(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				define(n.Key, n.Value)
			}
		case *ast.Ident:
			names = append(names, n.Name)
		case *ast.BasicLit:
			// A literal of several lines is a document under test, not the name of a case.
			if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && !strings.Contains(text, "\n") {
				d.texts = append(d.texts, text)
			}
		}
		return true
	})
	d.uses = append(d.uses, slices.DeleteFunc(names, func(name string) bool { return local[name] })...)
}

// reachable lists the literals of a declaration and of everything it uses, directly or not.
func reachable(graph map[string]*declaration, from string) []string {
	var texts []string
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		d := graph[queue[0]]
		texts = append(texts, d.texts...)
		for _, name := range d.uses {
			if graph[name] != nil && !seen[name] && !graph[name].test {
				seen[name] = true
				queue = append(queue, name)
			}
		}
	}
	return texts
}
