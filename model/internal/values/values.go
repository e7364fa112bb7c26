package values

// Count is how many members and elements JSON has: its commas and opening brackets
// outside of strings. What is no JSON has some count too.
func Count(raw []byte) (n int) {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case ',', '[', '{':
			n++
		case '"':
			i = closing(raw, i)
		}
	}
	return n
}

// closing is where the string ends that begins at i.
func closing(raw []byte, i int) int {
	for i++; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i
}
