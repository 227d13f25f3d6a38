package helpers // want "package helpers"
