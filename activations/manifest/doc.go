// Package manifest reads and writes manifest.json, which every artefact
// directory of agar has: what made it, from what, and the checksums of its
// files.
//
// A manifest holds no clock time and no rate: two runs that compute the same
// leave the same bytes, whether or not one of them was interrupted. Its JSON is
// indented, keys of maps are sorted, and the order of the other keys is that of
// [Manifest].
//
// Format is NAME/VERSION. A reader takes its own version and all older ones, and
// refuses newer ones by name.
package manifest
