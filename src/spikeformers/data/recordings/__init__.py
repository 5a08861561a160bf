"""Files of event recordings: every format as a stream of event arrays, in constant memory."""
