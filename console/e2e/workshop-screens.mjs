export async function workshopScreens() {}
