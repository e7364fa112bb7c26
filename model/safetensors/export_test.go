package safetensors

// Parse reads the bytes of a whole file, as Open does of one that is mapped.
var Parse = parse
