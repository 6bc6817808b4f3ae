"""`dataops …`: what people and CI ask for at a prompt. Every verb calls what the other rooms offer; none has logic of its own."""
