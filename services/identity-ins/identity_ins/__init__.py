"""INS identity: who a person is, by the national rules."""
