"""Small samples of code that the rules object to (WRONG) or let pass (RIGHT): rule -> (module, code)."""
