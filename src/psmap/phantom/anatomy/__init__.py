"""Digital men: every structure a solid in the frame of the reference man, bent to one man, painted on any grid.

The frame is that of the reference adult man (ICRP Publication 110, 1.76 m, 73 kg) as measured for psmap: LPS mm, the
origin at the lower end of L5, x in the middle of the body, y in the middle of the lumbar spine.
"""
