package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"redis-failover/conf/fault"
)

// Viper reads the values of TOML and YAML but forgets where they stood, so the
// keys and their lines are taken from the parsers below it.

// keyLine is a key of a file, "raft.addr", and its line.
type keyLine struct {
	key  string
	line int
	// repeatable: it may stand there again. It comes from a YAML merge (<<),
	// which yields to a key of its name, or from a TOML list of sections.
	repeatable bool
}

// readKeyed reads a TOML or YAML text.
func readKeyed(t table, path string, text []byte, format fileFormat, faults *fault.Collector) layer {
	keys, err := format.keys(text)
	if twice := repeated(keys); len(twice) > 0 {
		for _, k := range twice {
			faults.Add(fault.Fault{At: k.at(path), Subject: fault.Show(k.key), Problem: "The key is there twice.", Remedy: "Keep one of them."})
		}
		return nil
	}
	v := viper.New()
	v.SetConfigType(string(format))
	if err == nil {
		err = v.ReadConfig(bytes.NewReader(text))
	}
	if err != nil {
		line, message := syntaxError(err)
		faults.Add(fault.Fault{At: Pos{File: path, Line: line}, Problem: fault.Sentence(errors.New(message)),
			Remedy: "The file is read as " + strings.ToUpper(string(format)) + "."})
		return nil
	}
	given := make(layer)
	for _, k := range keys {
		addKey(t, given, v.Get(k.key), k.at(path), faults)
	}
	return given
}

func (k keyLine) at(path string) Pos { return Pos{File: path, Line: k.line, Name: k.key} }

// repeated are the keys that stood before already. TOML forbids them, but its
// parser does not say where they are; and viper knows no upper case.
func repeated(keys []keyLine) []keyLine {
	var twice []keyLine
	seen := make(map[string]bool)
	for _, k := range keys {
		folded := strings.ToLower(k.key)
		switch {
		case k.repeatable:
			continue
		case seen[folded]:
			twice = append(twice, k)
		}
		seen[folded] = true
	}
	return twice
}

// addKey records the value of one key.
func addKey(t table, given layer, value any, at Pos, faults *fault.Collector) {
	s := t.key(at.Name)
	if s == nil {
		faults.Add(fault.Fault{At: at, Subject: fault.Show(at.Name), Problem: "There is no such key.",
			Remedy: fault.DidYouMean(at.Name, t.keyNames(), "redis-failover -help lists the settings; each is a key.")})
		return
	}
	text, err := keyText(value, s.list)
	o := origin{at: at, subject: fault.Show(at.Name + " = " + s.shown(text))}
	if err != nil {
		for _, f := range s.faults(origin{at: at, subject: at.Name}, err) {
			faults.Add(f)
		}
		return
	}
	given.add(s, entry{text, o}, faults)
}

// keyText makes the text that a flag would have of a value.
func keyText(value any, list bool) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", errors.New("the key has no value")
	case string:
		return v, nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case []any:
		if !list {
			return "", errors.New("this is a list, where one value is wanted")
		}
		return listText(v)
	case map[string]any:
		return "", errors.New("this is a section, where a value is wanted")
	}
	return fmt.Sprint(value), nil
}

func listText(items []any) (string, error) {
	texts := make([]string, len(items))
	for i, item := range items {
		text, ok := item.(string)
		if !ok {
			return "", errors.New("the list has an item that is not a string")
		}
		texts[i] = text
	}
	return strings.Join(texts, ","), nil
}

// syntaxError finds the line of a parser's error, 0 if it has none.
func syntaxError(err error) (line int, message string) {
	if e := new(toml.DecodeError); errors.As(err, &e) {
		line, _ := e.Position()
		return line, strings.TrimPrefix(e.Error(), "toml: ")
	}
	message = err.Error()
	if parse := new(viper.ConfigParseError); errors.As(err, parse) {
		message = parse.Unwrap().Error()
	}
	if _, after, ok := strings.Cut(message, "line "); ok {
		number, rest, _ := strings.Cut(after, ":")
		if n, err := strconv.Atoi(number); err == nil {
			return n, strings.TrimSpace(rest)
		}
	}
	return 0, strings.TrimPrefix(message, "yaml: ")
}

// tomlKeys lists the keys of a TOML text.
func tomlKeys(text []byte) ([]keyLine, error) {
	var p unstable.Parser
	p.Reset(text)
	var keys []keyLine
	section, inList := "", false
	sections := make(map[string]bool)
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			name := tomlKey(e.Key())
			if e.Kind == unstable.Table && sections[name] {
				return nil, fmt.Errorf("line %d: the section [%s] is there twice", tomlLineOf(&p, e), name)
			}
			sections[name] = true
			section, inList = name+".", e.Kind == unstable.ArrayTable
		case unstable.KeyValue:
			for _, k := range tomlKeyValue(&p, section, e) {
				k.repeatable = inList
				keys = append(keys, k)
			}
		}
	}
	if err := p.Error(); err != nil {
		// The error of the parser proper says where it is; this one does not.
		return nil, toml.Unmarshal(text, new(map[string]any))
	}
	return keys, nil
}

// tomlKeyValue lists the key of an assignment, or those of its inline table.
func tomlKeyValue(p *unstable.Parser, section string, e *unstable.Node) []keyLine {
	key := section + tomlKey(e.Key())
	if value := e.Value(); value.Kind == unstable.InlineTable {
		var keys []keyLine
		for it := value.Children(); it.Next(); {
			keys = append(keys, tomlKeyValue(p, key+".", it.Node())...)
		}
		return keys
	}
	return []keyLine{{key: key, line: tomlLineOf(p, e)}}
}

// tomlLineOf is the line of an assignment or a section header.
func tomlLineOf(p *unstable.Parser, e *unstable.Node) int {
	it := e.Key()
	it.Next()
	return p.Shape(it.Node().Raw).Start.Line
}

func tomlKey(it unstable.Iterator) string {
	var parts []string
	for it.Next() {
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, ".")
}

// yamlKeys lists the keys of a YAML text.
func yamlKeys(text []byte) ([]keyLine, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("yaml: line %d: the file holds more than one document", second.Line)
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("yaml: line %d: this is not a list of keys and values", root.Line)
	}
	return yamlMapping("", root, 0), nil
}

// maxDepth is deeper than any section; aliases could nest for ever.
const maxDepth = 4

func yamlMapping(section string, node *yaml.Node, depth int) []keyLine {
	var keys []keyLine
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		path := section + key.Value
		switch isMapping := value.Kind == yaml.MappingNode && depth < maxDepth; {
		case isMapping && key.Tag == "!!merge":
			for _, k := range yamlMapping(section, value, depth+1) {
				k.repeatable = true
				keys = append(keys, k)
			}
		case isMapping:
			keys = append(keys, yamlMapping(path+".", value, depth+1)...)
		default:
			keys = append(keys, keyLine{key: path, line: key.Line})
		}
	}
	return keys
}
