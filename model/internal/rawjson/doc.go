// Package rawjson works on JSON as it is written: it counts the values in a document
// before that is decoded, so that a reader can refuse one that would take far more
// memory than its bytes tell of, and reads strings without a decoder.
package rawjson
