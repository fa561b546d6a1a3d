package settings

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Section decodes a key that holds more than plain values. A missing key
// leaves into as it is; a key that into has no field for is an error with its
// line and the nearest that it has.
func (f *File) Section(key string, into any) error {
	node, ok := f.keys[key]
	if !ok {
		return nil
	}
	if err := f.known(key, &node, reflect.TypeOf(into)); err != nil {
		return err
	}
	if err := node.Decode(into); err != nil {
		return plainly(f.path, key, err)
	}
	return nil
}

// known looks for keys that a value of type t has no field for. The library can
// do so for a whole document only, and then names Go's types.
func (f *File) known(section string, node *yaml.Node, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	node = behindAlias(node)
	switch {
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, n := range node.Content {
			if err := f.known(section, n, t.Elem()); err != nil {
				return err
			}
		}
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 1; i < len(node.Content); i += 2 {
			if err := f.known(section, node.Content[i], t.Elem()); err != nil {
				return err
			}
		}
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		fields := map[string]reflect.Type{}
		var names []string
		for i := range t.NumField() {
			field := t.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if name == "" {
				name = strings.ToLower(field.Name)
			}
			fields[name] = field.Type
			names = append(names, name)
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			name, value := node.Content[i], node.Content[i+1]
			if name.Tag == "!!merge" { // <<: a mapping, or a list of them
				merged := t
				if value.Kind == yaml.SequenceNode {
					merged = reflect.SliceOf(t)
				}
				if err := f.known(section, value, merged); err != nil {
					return err
				}
				continue
			}
			if fields[name.Value] == nil {
				return unknownKey(f.path, name.Line, name.Value, " in "+section, names)
			}
			if err := f.known(section, value, fields[name.Value]); err != nil {
				return err
			}
		}
	}
	return nil
}

// unknownKey is the error for a key that is none of names.
func unknownKey(path string, line int, key, where string, names []string) error {
	err := fmt.Errorf("%s:%d: unknown key %q%s", path, line, key, where)
	if near := Nearest(key, names); near != "" {
		err = fmt.Errorf("%w: did you mean %q?", err, near)
	}
	return err
}

var (
	position  = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)
	wrongKind = regexp.MustCompile("cannot unmarshal !!(\\w+)(?: `([^`]*)`)? into (.+)$")
)

// plainly puts a position before the first thing that the library complains of,
// and says without Go's types what was wanted. The section is "" for the file.
func plainly(path, section string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	var several *yaml.TypeError
	if errors.As(err, &several) && len(several.Errors) > 0 {
		text = several.Errors[0]
	}
	if m := position.FindStringSubmatch(text); m != nil {
		path, text = path+":"+m[1], text[len(m[0]):]
	}
	if section != "" {
		path += ": " + section
	}
	if text == "found character that cannot start any token" {
		text += "; indent with spaces, not tabs, and put quotes around values that begin with % @ or `"
	}
	m := wrongKind.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("%s: %s", path, text)
	}
	kinds := map[string]string{"seq": "a list", "map": "keys with values", "int": "a number", "float": "a number", "bool": "true or false"}
	found, want := kinds[m[1]], "keys with values"
	switch {
	case m[2] != "":
		found = fmt.Sprintf("%q", m[2])
	case found == "":
		found = "a plain value"
	}
	switch into := m[3]; {
	case strings.HasPrefix(into, "[]"):
		want = "a list"
	case strings.HasPrefix(into, "int"):
		want = "a whole number"
	case into == "string":
		want = "a plain value"
	}
	return fmt.Errorf("%s: want %s, not %s", path, want, found)
}
