package redisstore

// Needs are the names of the commands that the doctor tries.
func Needs() []string {
	var names []string
	for _, words := range needs {
		names = append(names, words[0])
	}
	return names
}
