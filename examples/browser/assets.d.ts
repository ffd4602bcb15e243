/** The address of a picture that Vite puts beside the page. */
declare module '*.png' {
  const address: string;
  export default address;
}
declare module '*.css';
