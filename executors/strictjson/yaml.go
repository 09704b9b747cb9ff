package strictjson

import (
	"go.yaml.in/yaml/v3"
)

// FromYAML reads one YAML document as Decode reads JSON.
func FromYAML(data []byte) (any, error) {
	var value any
	if err := yaml.Unmarshal(data, &value); err != nil {
		return nil, err
	}
	return value, nil
}
