package helpers

func init() {}
