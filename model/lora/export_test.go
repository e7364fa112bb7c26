package lora

// ParseKey gives the module, the slot and the parameter that a tensor's name
// says.
func ParseKey(name string) (module, slot, param string, err error) {
	k, err := parseKey(name)
	return k.module, slotNames[k.slot], k.param, err
}
