package state

// schemaLabels is the schema that brings in labels and tags.
const schemaLabels = SchemaVersion

// OpLabel puts a label on a master.
type OpLabel struct{ Name, Label string }

func (OpLabel) kind() string { return "label" }

func (d *draft) label(op OpLabel) {
	if m := d.edit(op.Name); m != nil {
		m.Label = op.Label
		d.out.Count = 1
		d.emitMaster(Warning, "+label", m)
	}
}

func init() {
	opRules[OpLabel{}.kind()] = rule(schemaLabels, (*draft).label)
	tag := text(func(m *Master) *string { return &m.Tag })
	tag.schema = schemaLabels
	optionRules["tag"] = tag
}
