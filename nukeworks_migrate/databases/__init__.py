"""One module or folder for each database, what they owe (base), and the ledger for all of them."""
