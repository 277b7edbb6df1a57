"""Changes one thing at a time in the rooms where a silent failure would hurt, and sees whether their tests notice."""
