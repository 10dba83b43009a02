def write(f,s): pass
