package monitor

func other() *int {
	names["b"]++  // want "variable names is changed"
	return &count // want "variable count is changed"
}
