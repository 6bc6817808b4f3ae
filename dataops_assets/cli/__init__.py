"""`dataops …`: what people and CI ask for at a prompt. Verbs call what other rooms offer, and have no logic of their own."""
