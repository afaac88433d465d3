print("gr")
