"""The numbers: intervals, paired differences, ranks; pure functions, one topic a file."""
