package arch

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// edge says what one of our packages may import of our packages.
type edge struct {
	from string
	to   []string
	why  string
}

// library says in which packages an outside library may be imported.
type library struct {
	prefix string
	homes  []string
	why    string
}

// ban forbids names in some places.
type ban struct {
	names      []string
	in, except []string
	// tests says that test files are meant too.
	tests bool
	// unless is a package whose import lifts the ban in that file.
	unless string
	why    string
}

// violation is a line that breaks a rule.
type violation struct {
	file string // below the root
	line int
	what string
	why  string
}

func (v violation) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", v.file, v.line, v.what, v.why)
}

// check reads all Go files below root, which is the root of the module of that
// name, and returns what breaks a rule, sorted.
func check(root, module string) ([]violation, error) {
	packages, err := load(root)
	if err != nil {
		return nil, err
	}
	var found []violation
	for place, files := range packages {
		variables := packageVariables(files)
		if !slices.ContainsFunc(graph, func(e edge) bool { return within(place, []string{e.from}) }) {
			found = append(found, violation{files[0].name, files[0].line(files[0].syntax.Name), "package " + place, whyPlace})
		}
		for _, f := range files {
			c := checker{module: module, place: place, source: f, variables: variables}
			found = append(found, c.check()...)
		}
	}
	slices.SortFunc(found, func(a, b violation) int {
		return cmp.Or(strings.Compare(a.file, b.file), a.line-b.line, strings.Compare(a.what, b.what))
	})
	return found, nil
}

// source is one parsed file.
type source struct {
	name   string // below the root
	set    *token.FileSet
	syntax *ast.File
}

// test reports whether the file belongs to the tests only.
func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

// line is where a node begins.
func (s source) line(n ast.Node) int { return s.set.Position(n.Pos()).Line }

// load parses all Go files, by place.
func load(root string) (map[string][]source, error) {
	packages := map[string][]source{}
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != root && ignored(entry.Name()) {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		syntax, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		below = filepath.ToSlash(below)
		packages[path.Dir(below)] = append(packages[path.Dir(below)], source{below, set, syntax})
		return nil
	})
	return packages, err
}

// ignored reports whether the go command would not look into that folder.
func ignored(name string) bool {
	return name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// within reports whether a place is one of those that the patterns mean.
func within(place string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, below := strings.CutSuffix(pattern, "...")
		switch {
		case !below:
			return place == pattern
		case prefix == "":
			return true
		default:
			return place+"/" == prefix || strings.HasPrefix(place, prefix)
		}
	})
}

// tests is where all that is there belongs to the tests.
var tests = []string{"tests/..."}

// checker checks one file.
type checker struct {
	source
	module string
	place  string
	// variables are the names of the package's variables.
	variables map[string]bool
	found     []violation
}

func (c *checker) report(at ast.Node, why, format string, args ...any) {
	c.found = append(c.found, violation{c.name, c.line(at), fmt.Sprintf(format, args...), why})
}

func (c *checker) check() []violation {
	for _, spec := range c.syntax.Imports {
		c.checkImport(spec)
	}
	names := importedNames(c.syntax)
	for _, declaration := range c.syntax.Decls {
		c.checkDeclaration(declaration)
	}
	ast.Inspect(c.syntax, func(n ast.Node) bool {
		c.checkNode(n, names)
		return true
	})
	return c.found
}

// checkImport holds an import against the graph, the libraries and the bans.
func (c *checker) checkImport(spec *ast.ImportSpec) {
	imported := importPath(spec)
	for _, b := range imports {
		if c.banned(b) && slices.Contains(b.names, imported) {
			c.report(spec, b.why, "import of %s", imported)
		}
	}
	if own, ok := c.own(imported); ok {
		c.checkEdge(spec, own)
		return
	}
	if strings.Contains(strings.Split(imported, "/")[0], ".") {
		c.checkLibrary(spec, imported)
	}
}

// own returns the place of an import that is one of our packages.
func (c *checker) own(imported string) (place string, ok bool) {
	if imported == c.module {
		return ".", true
	}
	return strings.CutPrefix(imported, c.module+"/")
}

func (c *checker) checkEdge(spec *ast.ImportSpec, own string) {
	if c.test() {
		return
	}
	for _, e := range graph {
		if !within(c.place, []string{e.from}) {
			continue
		}
		if !within(own, e.to) || within(own, tests) && e.from != tests[0] {
			c.report(spec, e.why, "%s imports %s", c.place, own)
		}
		return
	}
}

func (c *checker) checkLibrary(spec *ast.ImportSpec, imported string) {
	for _, l := range libraries {
		if imported != l.prefix && !strings.HasPrefix(imported, l.prefix+"/") {
			continue
		}
		forTests := c.test() && slices.Contains(l.homes, tests[0])
		if !within(c.place, l.homes) && !forTests {
			c.report(spec, l.why, "import of %s", imported)
		}
		return
	}
	c.report(spec, whyHome, "import of %s", imported)
}

// checkDeclaration looks at what stands at package level.
func (c *checker) checkDeclaration(declaration ast.Decl) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.Name == "init" {
			c.report(d, whyInit, "func init")
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && !c.test() && synchronised(v.Type) {
				c.report(v, whyState, "variable %s is a lock or an atomic value", v.Names[0].Name)
			}
		}
	}
}

// synchronised reports whether a type is of sync or sync/atomic: what needs a
// lock is meant to change.
func synchronised(t ast.Expr) bool {
	if index, ok := t.(*ast.IndexExpr); ok { // atomic.Pointer[T]
		t = index.X
	}
	selector, ok := t.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := selector.X.(*ast.Ident)
	return ok && (pkg.Name == "sync" || pkg.Name == "atomic")
}

// checkNode looks at one statement or expression.
func (c *checker) checkNode(n ast.Node, names map[string]string) {
	switch n := n.(type) {
	case *ast.GoStmt:
		if within(c.place, pure) && !c.test() {
			c.report(n, whyGoroutine, "go statement")
		}
	case *ast.SelectorExpr:
		c.checkSelector(n, names)
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, left := range n.Lhs {
				c.checkWrite(left)
			}
		}
	case *ast.IncDecStmt:
		c.checkWrite(n.X)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			c.checkWrite(n.X)
		}
	}
}

// checkSelector holds "package.Name" against the forbidden functions. A use as
// a value counts as a call: it is going to be one.
func (c *checker) checkSelector(n *ast.SelectorExpr, names map[string]string) {
	x, ok := n.X.(*ast.Ident)
	if !ok || x.Obj != nil { // a variable that shadows the package
		return
	}
	imported, ok := names[x.Name]
	if !ok {
		return
	}
	name := imported + "." + n.Sel.Name
	for _, b := range calls {
		if c.banned(b) && slices.ContainsFunc(b.names, func(pattern string) bool { return matches(name, pattern) }) {
			c.report(n, b.why, "use of %s", name)
		}
	}
}

// matches holds "log/slog.Info" against "slog.Info*".
func matches(name, pattern string) bool {
	name = path.Base(name)
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return name == pattern
}

// checkWrite reports a write to a variable at package level, to a part of it,
// or the taking of its address, which is a write later.
func (c *checker) checkWrite(target ast.Expr) {
	if c.test() {
		return
	}
	root := rootOf(target)
	if root == nil || !c.variables[root.Name] {
		return
	}
	// The parser resolves names within a file; what it leaves open is declared
	// in another file of the package.
	if root.Obj != nil && !c.atPackageLevel(root.Obj.Decl) {
		return
	}
	c.report(target, whyState, "variable %s is changed", root.Name)
}

// rootOf is x of x, x.f, x[i] and *x.
func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// atPackageLevel reports whether a declaration stands at package level of this
// file.
func (c *checker) atPackageLevel(declaration any) bool {
	for _, d := range c.syntax.Decls {
		if general, ok := d.(*ast.GenDecl); ok && slices.ContainsFunc(general.Specs, func(s ast.Spec) bool { return s == declaration }) {
			return true
		}
	}
	return false
}

// banned reports whether a ban holds for this file.
func (c *checker) banned(b ban) bool {
	lifted := b.unless != "" && slices.ContainsFunc(c.syntax.Imports, func(spec *ast.ImportSpec) bool { return importPath(spec) == b.unless })
	return within(c.place, b.in) && !within(c.place, b.except) && (b.tests || !c.test()) && !lifted
}

// packageVariables are the names of the variables of a package, but "_".
func packageVariables(files []source) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		for _, declaration := range f.syntax.Decls {
			d, ok := declaration.(*ast.GenDecl)
			if !ok || d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					names[name.Name] = name.Name != "_"
				}
			}
		}
	}
	return names
}

// importedNames maps the names under which a file knows packages to their
// import paths.
func importedNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range f.Imports {
		imported := importPath(spec)
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
	}
	return names
}

func importPath(spec *ast.ImportSpec) string {
	imported, _ := strconv.Unquote(spec.Path.Value) // the parser has read it before
	return imported
}
