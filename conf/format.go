package conf

import (
	"path/filepath"
	"regexp"
	"strings"
)

// fileFormat is the language of a configuration file; TOML and YAML as viper
// calls them.
type fileFormat string

const (
	formatSentinel fileFormat = "sentinel.conf"
	formatTOML     fileFormat = "toml"
	formatYAML     fileFormat = "yaml"
)

// keys lists the keys of a text in TOML or YAML.
func (f fileFormat) keys(text []byte) ([]keyLine, error) {
	if f == formatTOML {
		return tomlKeys(text)
	}
	return yamlKeys(text)
}

// formatOf tells the format by the extension; .conf is used for all of them,
// and other extensions mean nothing, so there the first line decides.
func formatOf(path string, text []byte) fileFormat {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".toml":
		return formatTOML
	case ".yaml", ".yml":
		return formatYAML
	}
	return formatOfText(text)
}

// formatOfText looks at the first line that is not blank and not a comment,
// which all formats begin with #. No directive of sentinel.conf contains an
// equals sign or a colon or begins with a bracket.
func formatOfText(text []byte) fileFormat {
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
			continue
		case tomlLine(line):
			return formatTOML
		case yamlLine(line):
			return formatYAML
		}
		return formatSentinel
	}
	return formatSentinel
}

const bareKey = `["']?[A-Za-z0-9_.-]+["']?`

func tomlLine(line string) bool {
	return line[0] == '[' || regexp.MustCompile(`^`+bareKey+`\s*=`).MatchString(line)
}

func yamlLine(line string) bool {
	return line == "---" || line[0] == '{' || regexp.MustCompile(`^`+bareKey+`\s*:(\s|$)`).MatchString(line)
}
