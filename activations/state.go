package activations

// stateName is the manifest of a capture under way. It becomes manifest.json
// when the capture is done.
const stateName = "resume.json"
